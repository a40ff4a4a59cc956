"""Features out of TFRecord shards, TensorFlow's own format."""

import pathlib
from collections.abc import Iterator, Mapping

import tensorflow as tf

from bert_cpu.data.features import Features, Window
from bert_cpu.data.stored_example import from_json
from bert_cpu.target import Target

_TOKENS = ("input_ids", "token_type_ids")
# Records that are parsed at once where only the example's text is wanted: one by one,
# a thousand take half a second.
_AT_ONCE = 256


def parse_records(records, targets: Mapping[str, Target]):
    """Parses many records at once.

    Args:
        records: string `(n,)`, as `serialize` made them.
        targets: that they were made with.

    Returns:
        dict of `input_ids` and `token_type_ids`, ragged int32 `(n, length)`, and
        each target: `(n,)`, or ragged `(n, items)` if it is a list.
    """
    columns = {name: Target("int32", is_list=True) for name in _TOKENS}
    columns.update(targets)
    schema = {name: _feature(column) for name, column in columns.items()}
    parsed = tf.io.parse_example(records, schema)
    return {
        name: tf.cast(parsed[name], column.dtype) for name, column in columns.items()
    }


def read_kept(paths: list[pathlib.Path], at_once: int = _AT_ONCE) -> Iterator[str]:
    """What `to_json` made of each example; "" for its second and further windows.

    Args:
        paths: of the shards, in order.
        at_once: int. Records that are parsed together.
    """
    schema = {"example": tf.io.FixedLenFeature([], tf.string)}
    records = tf.data.TFRecordDataset([str(path) for path in paths]).batch(at_once)
    parsed = records.map(lambda batch: tf.io.parse_example(batch, schema)["example"])
    for lines in parsed.as_numpy_iterator():
        for line in lines:
            yield line.decode()


def read_features(
    path: pathlib.Path, targets: Mapping[str, Target]
) -> Iterator[Features]:
    """What `serialize` was given, one example after the other.

    Args:
        path: of a file whose records are whole.
        targets: that they were made with.
    """
    kept = ""
    windows: list[Window] = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        fields = tf.train.Example.FromString(record).features.feature
        line = fields["example"].bytes_list.value[0].decode()
        if line:
            if windows:
                yield Features(from_json(kept), windows, False, False)
            kept, windows = line, []
        windows.append(_window(fields, targets))
    if windows:
        yield Features(from_json(kept), windows, False, False)


def _feature(target):
    kind = tf.float32 if target.dtype == "float32" else tf.int64
    if target.is_list:
        return tf.io.RaggedFeature(kind, row_splits_dtype=tf.int64)
    return tf.io.FixedLenFeature([], kind)


def _window(fields, targets):
    values = {}
    for name, target in targets.items():
        kind = "float_list" if target.dtype == "float32" else "int64_list"
        found = list(getattr(fields[name], kind).value)
        values[name] = found if target.is_list else found[0]
    ids, type_ids = (list(fields[name].int64_list.value) for name in _TOKENS)
    return Window(ids, type_ids, values)
