"""Features in TFRecord shards, TensorFlow's own format."""

import contextlib
import pathlib
import random
from collections.abc import Iterator

import tensorflow as tf

from bert_cpu import storage
from bert_cpu.data.features import Features
from bert_cpu.errors import UserError

# All are open at once, and many systems allow a process 1,024 files.
_MOST_SHARDS = 500
_SCHEMA = {
    "input_ids": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
    "token_type_ids": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64),
    "label": tf.io.FixedLenFeature([], tf.int64),
}


class TFRecordWriter(contextlib.AbstractContextManager):
    """Deals the examples of one split to shards, each with an even sample.

    A file that is sorted (by label, by day) would be trained on in that order
    if each shard took the next piece of it. Here each example goes to a shard
    by lot, and the lots are the same each time.

    Args:
        directory: where the shards go.
        split: str. Begins the names of the shards.
        num_examples: int. How many will come, at most.
        shard_size: int. Examples in a shard, about.

    Raises:
        UserError: if there would be too many shards, or the disk is full.
    """

    def __init__(
        self, directory: pathlib.Path, split: str, num_examples: int, shard_size: int
    ):
        num_shards = max(1, -(-num_examples // shard_size))
        if num_shards > _MOST_SHARDS:
            raise UserError(
                f"--shard-size is {shard_size:,}, so {split} would have {num_shards:,} "
                f"shards, but {_MOST_SHARDS} at most are written at once. Ask for "
                f"{-(-num_examples // _MOST_SHARDS):,} or more."
            )
        self._directory = directory
        self._names = [
            f"{split}-{index:05d}-of-{num_shards:05d}.tfrecord"
            for index in range(num_shards)
        ]
        with storage.full_disk_is_the_users(directory):
            self._writers = [
                tf.io.TFRecordWriter(str(directory / name)) for name in self._names
            ]
        self._random = random.Random(0)
        self.shard_examples = dict.fromkeys(self._names, 0)

    def write(self, features: Features, label: int, texts: bool = False) -> None:
        """Adds one example, with its texts where a report will show them."""
        index = self._random.randrange(len(self._names))
        record = _serialize(features, label, texts)
        with storage.full_disk_is_the_users(self._directory):
            self._writers[index].write(record)
        self.shard_examples[self._names[index]] += 1

    def __exit__(self, *exception):
        with storage.full_disk_is_the_users(self._directory):
            for writer in self._writers:
                writer.close()


def parse_records(records):
    """Parses many records at once.

    Args:
        records: string `(n,)`, as `TFRecordWriter` wrote them.

    Returns:
        dict of `input_ids` and `token_type_ids`, ragged int32 `(n, length)`,
        and `label`, int32 `(n,)`.
    """
    parsed = tf.io.parse_example(records, _SCHEMA)
    return {
        "input_ids": tf.cast(parsed["input_ids"], tf.int32),
        "token_type_ids": tf.cast(parsed["token_type_ids"], tf.int32),
        "label": tf.cast(parsed["label"], tf.int32),
    }


def read_texts(paths: list[pathlib.Path]) -> Iterator[tuple[str, str | None]]:
    """The texts (and second texts) of records that were written with them."""
    schema = {
        name: tf.io.FixedLenFeature([], tf.string, default_value="")
        for name in ("text", "text_pair")
    }
    for record in tf.data.TFRecordDataset([str(path) for path in paths]):
        parsed = tf.io.parse_single_example(record, schema)
        first, second = (parsed[name].numpy().decode() for name in schema)
        yield first, second or None


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


def _serialize(features, label, texts):
    def ints(values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    def text(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))

    fields = {
        "input_ids": ints(features.input_ids),
        "token_type_ids": ints(features.token_type_ids),
        "label": ints([label]),
    }
    if texts:
        fields["text"] = text(features.example.text)
        if features.example.text_pair is not None:
            fields["text_pair"] = text(features.example.text_pair)
    return tf.train.Example(
        features=tf.train.Features(feature=fields)
    ).SerializeToString()
