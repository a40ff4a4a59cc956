"""Records to TFRecord shards of a bounded size."""

import contextlib
import pathlib

import tensorflow as tf

from bert_cpu import storage

SHARD_SIZE = 10_000


class ShardWriter(contextlib.AbstractContextManager):
    """Writes records, shard after shard.

    Args:
        directory: where the shards go.
        prefix: str. Begins the names of the shards.
        shard_size: int. Records in a shard, at most.

    Attributes:
        examples: int. Records that were written.
        names: list of str. The shards' file names.

    Raises:
        UserError: if the disk is full.
    """

    def __init__(
        self, directory: pathlib.Path, prefix: str, shard_size: int = SHARD_SIZE
    ):
        self._directory = directory
        self._prefix = prefix
        self._shard_size = shard_size
        self._writer: tf.io.TFRecordWriter | None = None
        self.examples = 0
        self.names: list[str] = []

    def write(self, record: bytes) -> None:
        """Adds a record."""
        with storage.full_disk_is_the_users(self._directory):
            self._writer_now().write(record)
        self.examples += 1

    def __exit__(self, *exception):
        self._close()

    def _writer_now(self):
        if self.examples % self._shard_size == 0:
            self._close()
            self.names.append(f"{self._prefix}-{len(self.names):05d}.tfrecord")
            self._writer = tf.io.TFRecordWriter(str(self._directory / self.names[-1]))
        return self._writer

    def _close(self):
        if self._writer is not None:
            with storage.full_disk_is_the_users(self._directory):
                self._writer.close()
