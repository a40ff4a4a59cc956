"""The records of a TFRecord file, each checked, and what is damaged between them.

A record is its length (8 bytes), the length's checksum (4), the data, and the
data's checksum (4). Where the length is damaged nothing says where the next record
starts, so it is searched for: see `next_whole_record`.

This runs before training, on the few files that are not what they were, or in
`bert-cpu fsck`. TensorFlow reads the rest, or a mended copy, at its full speed.
"""

import dataclasses
import pathlib
import struct
from collections.abc import Iterator
from typing import BinaryIO

from bert_cpu.data.damage.masked_crc32c import masked_crc32c
from bert_cpu.data.damage.next_whole_record import next_whole_record

HEADER = struct.Struct("<QI")  # The length and its checksum.
FOOTER = struct.Struct("<I")  # The checksum of the data.
_AROUND = HEADER.size + FOOTER.size
_BUFFER = 2**20

CUT_OFF = "is cut off"
ENDS_EARLY = "is missing: the file ends there"
WRONG_LENGTH = "has a wrong length CRC"
WRONG_DATA = "has a wrong data CRC"


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """A record whose checksums are right."""

    offset: int  # The byte of the file at which its length stands.
    data: bytes

    @property
    def end(self) -> int:
        """The byte behind its last checksum."""
        return self.offset + _AROUND + len(self.data)

    @property
    def content(self) -> bytes:
        """All of it, as it stands in the file."""
        length = struct.pack("<Q", len(self.data))
        crcs = masked_crc32c(length), masked_crc32c(self.data)
        return HEADER.pack(len(self.data), crcs[0]) + self.data + FOOTER.pack(crcs[1])


@dataclasses.dataclass(frozen=True, slots=True)
class Damage:
    """Bytes between whole records that are not one: a damaged record, or several."""

    offset: int  # The byte at which the damaged record starts.
    size: int  # Bytes to the next whole record, or to the end of the file.
    why: str  # What is wrong with the first of them.


def scan_records(
    path: pathlib.Path, written_size: int = 0
) -> Iterator[Record | Damage]:
    """Reads all of a file, in order: every byte is in a `Record` or a `Damage`.

    Two damaged records are two of `Damage` where the first one's length is known to
    be right, because it leads to another; else they are one.

    Args:
        path: of a TFRecord file without compression.
        written_size: int. Bytes that it once had. If it ends before them, but with
            a whole record, there is a `Damage` of no bytes at its end.
    """
    size = path.stat().st_size
    found: bytes | str = b""
    with path.open("rb", buffering=_BUFFER) as file:
        offset = 0
        while offset < size:
            found = _read(file, size - offset)
            if isinstance(found, bytes):
                yield (record := Record(offset, found))
                offset = record.end
                continue
            end = _end_of_damage(file, offset, size, found)
            yield Damage(offset, end - offset, found)
            offset = end
            file.seek(offset)
    if size < written_size and isinstance(found, bytes):
        yield Damage(size, 0, ENDS_EARLY)


def _read(file: BinaryIO, left: int) -> bytes | str:
    """The data of the record at the file's place, or what is wrong with it."""
    header = file.read(HEADER.size)
    if len(header) < HEADER.size:
        return CUT_OFF
    length, length_crc = HEADER.unpack(header)
    if masked_crc32c(header[:8]) != length_crc:
        return WRONG_LENGTH
    if length > left - _AROUND:
        return CUT_OFF
    data, footer = file.read(length), file.read(FOOTER.size)
    if len(footer) < FOOTER.size:  # The file has become shorter meanwhile.
        return CUT_OFF
    return data if FOOTER.unpack(footer)[0] == masked_crc32c(data) else WRONG_DATA


def _end_of_damage(file, offset, size, why):
    """Where the next record starts, by the damaged one's length or by searching."""
    file.seek(offset)
    header = file.read(HEADER.size)
    if len(header) == HEADER.size:
        length, _ = HEADER.unpack(header)
        end = offset + _AROUND + length
        if end <= size:
            data, footer = file.read(length), file.read(FOOTER.size)
            # If the data are what they were, so is the length that led to their end.
            if why == WRONG_LENGTH and footer == FOOTER.pack(masked_crc32c(data)):
                return end
            # Bytes may be missing from the data: then this is not where they end, or
            # others, which are whole, come before.
            if why == WRONG_DATA and (
                end == size or _is_header(file.read(HEADER.size))
            ):
                return next_whole_record(file, offset + 1, end)
    return next_whole_record(file, offset + 1, size)


def _is_header(header):
    if len(header) < HEADER.size:
        return False
    return masked_crc32c(header[:8]) == HEADER.unpack(header)[1]
