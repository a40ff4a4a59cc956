"""Records are the bytes that TensorFlow writes, in Python and in C++."""

import sys
import tempfile

import google_crc32c
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given
from hypothesis import strategies as st

from bert_cpu.data.framed_example import in_order, plain_framed_example
from bert_cpu.native.compiled import compiled

NATIVE = compiled()
both_ways = pytest.mark.parametrize(
    "framed_example",
    [
        pytest.param(plain_framed_example, id="Python"),
        pytest.param(
            getattr(NATIVE, "framed_example", None),
            id="C++",
            marks=pytest.mark.skipif(NATIVE is None, reason="it was not built"),
        ),
    ],
)
INTEGERS = st.integers(0, 300) | st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(width=64) | st.integers(-(2**70), 2**70)
TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = {
    "t": TEXTS,
    "i": INTEGERS | st.booleans() | st.integers(0, 2**31 - 1).map(np.int32),
    "I": st.lists(INTEGERS) | st.lists(st.integers(-9, 9)).map(np.array),
    "f": FLOATS | st.floats(width=32).map(np.float32),
    "F": st.lists(FLOATS) | st.lists(FLOATS).map(tuple),
}
FIELDS = st.dictionaries(
    st.text("az_", min_size=1),
    st.sampled_from(sorted(VALUES)).flatmap(
        lambda kind: st.tuples(st.just(kind), VALUES[kind])
    ),
    max_size=6,
)


def arguments_of(fields):
    names = tuple(in_order(list(fields)))
    kinds = "".join(fields[name][0] for name in names)
    return names, kinds, tuple(fields[name][1] for name in names)


def feature_of(kind, value):
    if kind == "t":
        content = tf.train.BytesList(value=[value.encode()])
        return tf.train.Feature(bytes_list=content)
    values = list(value) if kind.isupper() else [value]
    if kind in "iI":
        integers = tf.train.Int64List(value=[int(each) for each in values])
        return tf.train.Feature(int64_list=integers)
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


@both_ways
@given(fields=FIELDS)
@example(fields={"a" * 20_000: ("I", [2**20, 2**62, -1] * 200), "a": ("t", "")})
@example(fields={"input": ("F", [1e300, -1e300, 1e-50]), "input_ids": ("I", [])})
@example(fields={"a": ("I", [2**bits + n for bits in range(63) for n in (-1, 0)])})
def test_records_are_what_tensorflow_writes(framed_example, fields):
    features = {name: feature_of(*value) for name, value in fields.items()}
    message = tf.train.Example(features=tf.train.Features(feature=features))
    with tempfile.NamedTemporaryFile() as file:
        with tf.io.TFRecordWriter(file.name) as writer:
            writer.write(message.SerializeToString(deterministic=True))
        assert framed_example(*arguments_of(fields)) == file.read()


@both_ways
def test_checksums_are_those_of_another_library(framed_example):
    for size in [*range(70), 126, 127, 128, 129, 2**14, 2**21, 2**21 + 1]:
        framed = framed_example(("text",), "t", ("ab好" * size,))
        for part, end in ((framed[:8], 12), (framed[12:-4], len(framed))):
            crc = google_crc32c.value(part)
            masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
            assert framed[end - 4 : end] == masked.to_bytes(4, "little")


class Odd:
    """A number that changes the list that it stands in while it is read."""

    def __init__(self, values):
        self.values = values

    def __index__(self):
        self.values.clear()
        return 7


@both_ways
@pytest.mark.parametrize(
    "kind, value, error",
    [
        ("i", 2**63, OverflowError),
        ("i", -(2**63) - 1, OverflowError),
        ("I", [1, 2**64], OverflowError),
        ("I", [1, "2"], TypeError),
        ("I", [1, None], TypeError),
        ("I", 5, TypeError),
        ("i", "5", TypeError),
        ("i", 0.5, TypeError),
        ("f", object(), TypeError),
        ("f", "x", (TypeError, ValueError)),
        ("F", [0.5, "x"], (TypeError, ValueError)),
        ("f", 10**400, OverflowError),
        ("t", "half \ud83d", UnicodeEncodeError),
        ("t", b"x", (AttributeError, TypeError)),
        ("t", None, (AttributeError, TypeError)),
        ("x", 1, (KeyError, ValueError)),
        ("好", 1, (KeyError, ValueError)),
        ("ii", 1, ValueError),
        ("", 1, ValueError),
    ],
)
def test_what_is_no_value_is_refused(framed_example, kind, value, error):
    with pytest.raises(error):
        framed_example(("name",), kind, (value,))


@pytest.mark.skipif(NATIVE is None, reason="it was not built")
def test_wrong_arguments_are_refused_and_a_list_may_change_meanwhile():
    for arguments in (
        (),
        (("a",), "i"),
        (["a"], "i", (1,)),
        (("a",), b"i", (1,)),
        (("a",), "i", [1]),
        ((1,), "i", (1,)),
        (("\ud83d",), "i", (1,)),
        (("a",), "\ud83d", (1,)),
    ):
        with pytest.raises((TypeError, UnicodeEncodeError)):
            NATIVE.framed_example(*arguments)
    values = []
    values += [Odd(values), object(), object()]
    one = NATIVE.framed_example(("a",), "I", ([7],))
    assert NATIVE.framed_example(("a",), "I", (values,)) == one


@pytest.mark.skipif(NATIVE is None, reason="it was not built")
def test_no_reference_is_lost_or_kept():
    values = [1000 + number for number in range(9)]
    text, number = "a text of its own"[:-1], 12345.5
    held = (values, values[3], text, number)
    before = [sys.getrefcount(each) for each in held]
    for _ in range(100):
        NATIVE.framed_example(("a", "b", "c"), "Itf", (values, text, number))
        with pytest.raises(TypeError):
            NATIVE.framed_example(("a", "b"), "tI", (text, [*values, None]))
    assert [sys.getrefcount(each) for each in held] == before
