"""Examples to the bytes of records, as `tf.train.Example` would write them.

It is written by hand because a message made field by field takes several times as long,
and because processes that only write records do without TensorFlow.
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from bert_cpu.data.damage.masked_crc32c import masked_crc32c
from bert_cpu.data.features import Features
from bert_cpu.data.stored_example import to_json
from bert_cpu.target import Target

# Tags of fields whose value has a length before it: the number of the field times
# eight, and two.
_FIRST, _SECOND, _THIRD = b"\x0a", b"\x12", b"\x1a"
# Numbers from here on are seldom, and not kept.
_MOST_KEPT = 2**20


def serialize(features: Features, targets: Mapping[str, Target]) -> list[bytes]:
    """Makes a record of each window of an example; the first one keeps its texts.

    They stay together, one behind the other.

    Args:
        features: of the example.
        targets: of the task, by name.

    Returns:
        What `tf.train.Example.SerializeToString(deterministic=True)` gives: fields
        in the order of their names.

    Reference: `tensorflow/core/example/example.proto`, and
    https://protobuf.dev/programming-guides/encoding/.
    """
    kept = to_json(features.example)
    return [
        _serialize(window, kept if number == 0 else "", targets)
        for number, window in enumerate(features.windows)
    ]


def frame(record: bytes) -> bytes:
    """A record as it stands in a TFRecord file, between its length and checksums."""
    checksum = masked_crc32c(record).to_bytes(4, "little")
    return b"".join((_head(len(record)), record, checksum))


@functools.lru_cache(maxsize=4096)
def _head(length):
    number = length.to_bytes(8, "little")
    return number + masked_crc32c(number).to_bytes(4, "little")


def _serialize(window, kept, targets):
    entries = {
        "input_ids": _entry("input_ids", _ints(window.input_ids)),
        "token_type_ids": _type_ids(bytes(window.token_type_ids)),
        "example": _entry("example", _FIRST + _sized(_FIRST + _sized(kept.encode()))),
    }
    for name, target in targets.items():
        value = window.targets[name]
        if target.dtype == "float32":
            entries[name] = _entry(name, _floats(value if target.is_list else [value]))
        elif target.is_list:
            entries[name] = _entry(name, _ints(value))
        else:
            entries[name] = _number(name, value)
    return _FIRST + _sized(b"".join([entries[name] for name in _order(*entries)]))


def _entry(name, field):
    content = b"".join((_key(name), _varint(len(field)), field))
    return b"".join((_FIRST, _varint(len(content)), content))


# A record's numbers of segments, and most often its label, are those of another.
@functools.lru_cache(maxsize=4096)
def _type_ids(values):
    return _entry("token_type_ids", _ints(values))


@functools.lru_cache(maxsize=4096)
def _number(name, value):
    return _entry(name, _ints([value]))


@functools.lru_cache
def _order(*names):
    # Of two names of which one begins the other, protobuf writes the longer one first.
    return sorted(names, key=lambda name: f"{name}\x7f")


@functools.lru_cache
def _key(name):
    return _FIRST + _sized(name.encode()) + _SECOND


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
        rest = int(number) & (2**64 - 1)  # Negative ones as in two's complement.
        content = bytearray()
        while rest > 127:
            content.append(rest & 127 | 128)
            rest >>= 7
        content.append(rest)
        if 0 <= number < _MOST_KEPT:
            self[number] = bytes(content)
        return bytes(content)


_varint = _Varints().__getitem__
