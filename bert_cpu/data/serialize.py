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

_TOKENS = ("input_ids", "token_type_ids")
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
    fields = {name: _ints(getattr(window, name)) for name in _TOKENS}
    for name, target in targets.items():
        value = window.targets[name]
        values = value if target.is_list else [value]
        fields[name] = _floats(values) if target.dtype == "float32" else _ints(values)
    fields["example"] = _FIRST + _sized(_FIRST + _sized(kept.encode()))
    entries = [
        _FIRST + _sized(_key(name) + _sized(fields[name])) for name in _order(*fields)
    ]
    return _FIRST + _sized(b"".join(entries))


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
