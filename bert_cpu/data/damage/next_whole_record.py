"""The next record that is whole, behind a place where no length can be trusted."""

import functools
import struct
from typing import BinaryIO

import google_crc32c
import numpy as np

from bert_cpu.data.damage.masked_crc32c import MASK_DELTA, masked_crc32c

_BLOCK = 2**20  # Bytes that are looked through at once.
_HEADER = 12
_AROUND = 16


def next_whole_record(file: BinaryIO, start: int, size: int) -> int:
    """Searches byte by byte for a record both of whose checksums are right.

    That eight bytes by chance are a length with its checksum happens once in four
    billion bytes; that they lead to data with theirs as well, hardly ever.

    Args:
        file: open for reading; its place changes.
        start: int. The first byte at which the record may start.
        size: int. Bytes in the file.

    Returns:
        int: the byte at which it starts; `size` if there is none.
    """
    for first in range(start, size, _BLOCK):
        file.seek(first)
        block = np.frombuffer(file.read(_BLOCK + _HEADER - 1), np.uint8)
        for place in _headers(block):
            length = int(block[place : place + 8].view("<u8")[0])
            offset = first + int(place)
            if length <= size - offset - _AROUND and _is_whole(file, offset, length):
                return offset
    return size


def _headers(block):
    """Where 8 bytes are followed by their checksum, int64 `(n,)`."""
    num_places = len(block) - _HEADER + 1
    if num_places < 1:
        return np.zeros(0, np.int64)
    # A CRC is linear: that of 8 bytes is put together from those of each alone.
    zeros, tables = _tables()
    crc = np.full(num_places, zeros)
    for byte, table in enumerate(tables):
        crc ^= table[block[byte : byte + num_places]]
    expected = (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(MASK_DELTA)
    found = np.zeros(num_places, np.uint32)
    for byte in range(4):
        column = block[8 + byte : 8 + byte + num_places].astype(np.uint32)
        found |= column << np.uint32(8 * byte)
    return np.flatnonzero(found == expected)


@functools.cache
def _tables():
    """The CRC of 8 zeros, and what each byte at each place changes, `(8, 256)`."""
    zeros = google_crc32c.value(bytes(8))
    tables = [
        [
            google_crc32c.value(bytes(place) + bytes([byte]) + bytes(7 - place)) ^ zeros
            for byte in range(256)
        ]
        for place in range(8)
    ]
    return np.uint32(zeros), np.array(tables, np.uint32)


def _is_whole(file, offset, length):
    file.seek(offset + _HEADER)
    data, footer = file.read(length), file.read(4)
    return len(footer) == 4 and footer == struct.pack("<I", masked_crc32c(data))
