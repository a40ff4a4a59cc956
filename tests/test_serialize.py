"""An example's records hold its windows, and its texts once."""

import tempfile

import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.data.features import Features, Window
from bert_cpu.data.serialize import Serializer
from bert_cpu.data.stored_example import to_json
from bert_cpu.example import Example
from bert_cpu.target import Target

INTEGERS = st.integers(0, 300) | st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(width=64) | st.integers(-5, 5)
TARGETS = {
    "label": Target("int32"),
    "an_early_one": Target("int32", is_list=True),
    "zeal": Target("float32"),
    "input": Target("float32", is_list=True),
}
WINDOWS = st.builds(
    Window,
    st.lists(INTEGERS),
    st.lists(st.sampled_from([0, 1])),
    st.fixed_dictionaries(
        {
            "label": INTEGERS,
            "an_early_one": st.lists(INTEGERS),
            "zeal": FLOATS,
            "input": st.lists(FLOATS),
        }
    ),
)
TEXTS = st.text(st.characters(codec="utf-8"))


def expected(window, kept):
    def integers(values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    def floats(values):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))

    content = tf.train.BytesList(value=[kept.encode()])
    fields = {
        "input_ids": integers(window.input_ids),
        "token_type_ids": integers(window.token_type_ids),
        "label": integers([window.targets["label"]]),
        "an_early_one": integers(window.targets["an_early_one"]),
        "zeal": floats([window.targets["zeal"]]),
        "input": floats(window.targets["input"]),
        "example": tf.train.Feature(bytes_list=content),
    }
    message = tf.train.Example(features=tf.train.Features(feature=fields))
    return message.SerializeToString(deterministic=True)


@given(TEXTS, st.none() | TEXTS, st.lists(WINDOWS, max_size=3))
def test_records_are_the_file_that_tensorflow_writes(text, text_pair, windows):
    whole = Example(text, text_pair, "x", "here")
    kept = [to_json(whole), *[""] * len(windows)]
    with tempfile.NamedTemporaryFile() as file:
        with tf.io.TFRecordWriter(file.name) as writer:
            for window, line in zip(windows, kept, strict=False):
                writer.write(expected(window, line))
        records = Serializer(TARGETS)(Features(whole, windows, False, False))
        assert b"".join(records) == file.read()
