"""The bytes of a `tf.train.Example` in a TFRecord file, written by hand.

A message made field by field takes several times as long, and processes that only
write records do without TensorFlow.
"""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bert_cpu.data.damage.masked_crc32c import masked_crc32c
from bert_cpu.native.compiled import compiled

# Tags of fields whose value has a length before it: the number of the field times
# eight, and two.
_FIRST, _SECOND, _THIRD = b"\x0a", b"\x12", b"\x1a"
# Numbers from here on are seldom, and not kept.
_MOST_KEPT = 2**20


def plain_framed_example(
    names: tuple[str, ...], kinds: str, values: tuple[Any, ...]
) -> bytes:
    """Makes a record, with the length and the checksums around it.

    Args:
        names: of the features, in protobuf's order; see `in_order`.
        kinds: a letter a feature: `t` for a str, `i` for an int, `f` for a float, `I`
            and `F` for lists of them.
        values: of each feature.

    Returns:
        What `tf.io.TFRecordWriter` writes of what `tf.train.Example`'s
        `SerializeToString(deterministic=True)` gives.

    Raises:
        OverflowError: if an int doesn't fit into 64 bits.
        UnicodeEncodeError: if a text holds half of a surrogate pair.
        TypeError, ValueError: if a value is not of its kind.

    Reference: `tensorflow/core/example/example.proto`, and
    https://protobuf.dev/programming-guides/encoding/.
    """
    entries = [
        _entry(name, _FEATURES[kind](value))
        for name, kind, value in zip(names, kinds, values, strict=True)
    ]
    return _frame(_FIRST + _sized(b"".join(entries)))


def in_order(names: Sequence[str]) -> list[str]:
    """The order in which protobuf writes the entries of a map."""
    # Of two names of which one begins the other, it writes the longer one first.
    return sorted(names, key=lambda name: f"{name}\x7f")


def _frame(record):
    checksum = masked_crc32c(record).to_bytes(4, "little")
    return b"".join((_head(len(record)), record, checksum))


@functools.lru_cache(maxsize=4096)
def _head(length):
    number = length.to_bytes(8, "little")
    return number + masked_crc32c(number).to_bytes(4, "little")


def _entry(name, feature):
    content = b"".join((_key(name), _varint(len(feature)), feature))
    return b"".join((_FIRST, _varint(len(content)), content))


@functools.lru_cache
def _key(name):
    return _FIRST + _sized(name.encode()) + _SECOND


def _text(value: str) -> bytes:
    return _FIRST + _sized(_FIRST + _sized(value.encode()))


def _ints(values: Sequence[int]) -> bytes:
    numbers = b"".join(map(_varint, values))
    return _THIRD + _sized(_FIRST + _sized(numbers) if numbers else b"")


def _floats(values: Sequence[float]) -> bytes:
    with np.errstate(over="ignore"):  # Too large for float32 is infinite in it.
        numbers = np.asarray(values, "<f4").tobytes()
    return _SECOND + _sized(_FIRST + _sized(numbers) if numbers else b"")


def _sized(content: bytes) -> bytes:
    return _varint(len(content)) + content


class _Varints(dict[int, bytes]):
    """Integers as protobuf writes them: seven bits a byte, the lowest first."""

    def __missing__(self, number):
        whole = operator.index(number)
        if not -(2**63) <= whole < 2**63:
            raise OverflowError(f"{whole} doesn't fit into 64 bits")
        rest = whole & (2**64 - 1)  # Negative ones as in two's complement.
        content = bytearray()
        while rest > 127:
            content.append(rest & 127 | 128)
            rest >>= 7
        content.append(rest)
        if 0 <= whole < _MOST_KEPT:
            self[whole] = bytes(content)
        return bytes(content)


_varint = _Varints().__getitem__
_FEATURES: dict[str, Callable[[Any], bytes]] = {
    "t": _text,
    "i": lambda value: _ints([value]),
    "I": _ints,
    "f": lambda value: _floats([value]),
    "F": _floats,
}

framed_example: Callable[[tuple[str, ...], str, tuple[Any, ...]], bytes]
framed_example = getattr(compiled(), "framed_example", plain_framed_example)
