"""Features in TFRecord shards, TensorFlow's own format."""

import contextlib
import pathlib
import random
from collections.abc import Iterator, Mapping

import tensorflow as tf

from bert_cpu import storage
from bert_cpu.data.features import Features
from bert_cpu.data.stored_example import to_json
from bert_cpu.errors import UserError
from bert_cpu.target import Target

# All are open at once, and many systems allow a process 1,024 files.
_MOST_SHARDS = 500
_TOKENS = ("input_ids", "token_type_ids")


class TFRecordWriter(contextlib.AbstractContextManager):
    """Deals the examples of one split to shards, each with an even sample.

    A file that is sorted (by label, by day) would be trained on in that order
    if each shard took the next piece of it. Here each example goes to a shard
    by lot, and the lots are the same each time. The windows of an example stay
    together, one record behind the other.

    Args:
        directory: where the shards go.
        split: str. Begins the names of the shards.
        targets: of the task, by name.
        num_examples: int. How many will come, at most.
        shard_size: int. Examples in a shard, about.

    Raises:
        UserError: if there would be too many shards, or the disk is full.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        split: str,
        targets: Mapping[str, Target],
        num_examples: int,
        shard_size: int,
    ):
        num_shards = max(1, -(-num_examples // shard_size))
        if num_shards > _MOST_SHARDS:
            raise UserError(
                f"--shard-size is {shard_size:,}, so {split} would have {num_shards:,} "
                f"shards, but {_MOST_SHARDS} at most are written at once. Ask for "
                f"{-(-num_examples // _MOST_SHARDS):,} or more."
            )
        self._directory = directory
        self._targets = targets
        self._names = [
            f"{split}-{index:05d}-of-{num_shards:05d}.tfrecord"
            for index in range(num_shards)
        ]
        with storage.full_disk_is_the_users(directory):
            self._writers = [
                tf.io.TFRecordWriter(str(directory / name)) for name in self._names
            ]
        self._random = random.Random(0)
        self.shard_windows = dict.fromkeys(self._names, 0)

    def write(self, features: Features) -> None:
        """Adds the windows of one example; the first one keeps its texts."""
        index = self._random.randrange(len(self._names))
        kept = to_json(features.example)
        for window in features.windows:
            record = _serialize(window, kept, self._targets)
            with storage.full_disk_is_the_users(self._directory):
                self._writers[index].write(record)
            kept = ""
        self.shard_windows[self._names[index]] += len(features.windows)

    def __exit__(self, *exception):
        with storage.full_disk_is_the_users(self._directory):
            for writer in self._writers:
                writer.close()


def parse_records(records, targets: Mapping[str, Target]):
    """Parses many records at once.

    Args:
        records: string `(n,)`, as `TFRecordWriter` wrote them.
        targets: that they were written with.

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


def read_kept(paths: list[pathlib.Path]) -> Iterator[str]:
    """What `to_json` made of each example; "" for its second and further windows."""
    schema = {"example": tf.io.FixedLenFeature([], tf.string)}
    for record in tf.data.TFRecordDataset([str(path) for path in paths]):
        yield tf.io.parse_single_example(record, schema)["example"].numpy().decode()


def check_shards(directory: pathlib.Path, shards: dict[str, dict]) -> None:
    """Compares shards with the manifest, and says where a damaged one is damaged.

    Args:
        directory: where the shards are.
        shards: file name -> size and sha256, from the manifest.

    Raises:
        UserError: naming the file, and the byte where a record's CRC is wrong.
    """
    for name, expected in shards.items():
        try:
            storage.check_files(directory, {name: expected}, "Prepare the data again.")
        except UserError as error:
            offset = _find_damage(directory / name)
            if offset is None:
                raise
            raise UserError(
                f"'{directory / name}' is damaged: the record at byte {offset:,} has a "
                "wrong CRC or is cut off. Prepare the data again."
            ) from error


def _find_damage(path):
    """The byte at which the first damaged record starts, or None."""
    if path.suffix != ".tfrecord" or not path.is_file():
        return None
    offset = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)):
            # A record stands between 12 bytes before and 4 behind.
            offset += 16 + len(record.numpy())
    except tf.errors.DataLossError:
        return offset
    return None


def _feature(target):
    kind = tf.float32 if target.dtype == "float32" else tf.int64
    if target.is_list:
        return tf.io.RaggedFeature(kind, row_splits_dtype=tf.int64)
    return tf.io.FixedLenFeature([], kind)


def _serialize(window, kept, targets):
    fields = {name: _ints(getattr(window, name)) for name in _TOKENS}
    for name, target in targets.items():
        value = window.targets[name]
        values = value if target.is_list else [value]
        fields[name] = _floats(values) if target.dtype == "float32" else _ints(values)
    fields["example"] = tf.train.Feature(
        bytes_list=tf.train.BytesList(value=[kept.encode()])
    )
    return tf.train.Example(
        features=tf.train.Features(feature=fields)
    ).SerializeToString()


def _ints(values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _floats(values):
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))
