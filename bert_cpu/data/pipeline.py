"""Records to batches: shuffled, of like lengths, padded no more than need be.

Examples are drawn into windows of many batches. A window is sorted by length
and cut into batches, and its batches are shuffled. So every batch but an
epoch's last is full, its sequences are about equally long, and the number of
steps is known beforehand: `ceil(examples / batch_size)`.
"""

import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from bert_cpu.data.hdf5 import HDF5Reader
from bert_cpu.data.manifest import Manifest
from bert_cpu.data.tfrecords import parse_records, read_texts

# Batches in a window. More leave less padding and mix lengths less well.
_WINDOW = 64
# Records in the shuffle buffer; shards are dealt by lot besides.
_SHUFFLE_BUFFER = 50_000


def training_batches(
    manifest: Manifest,
    batch_size: int,
    seed: int,
    epoch: int,
    skip: int = 0,
    class_weights: np.ndarray | None = None,
    worker: int = 0,
    num_workers: int = 1,
) -> tf.data.Dataset:
    """One epoch of the training split, in an order that `seed` and `epoch` fix.

    Every worker draws the same batches and takes its rows of each, so that
    together they do what one alone would.

    Args:
        manifest: of the prepared records.
        batch_size: int. Examples in a batch over all workers.
        seed, epoch: int. The same two give the same order.
        skip: int. Batches at the epoch's start that were done before.
        class_weights: float32 `(num_labels,)` or None. The weight of an example
            in the loss, by its label.
        worker, num_workers: int. Which rows to take.

    Returns:
        tf.data.Dataset of dicts: `input_ids`, `token_type_ids` and
        `attention_mask`, int32 `(batch, length)`; `label`, int32 `(batch,)`;
        `weight`, float32 `(batch,)`, 0 for rows that only fill up a batch which
        `num_workers` does not divide; `index`, int64 `(batch,)`.
    """
    seeds = np.random.SeedSequence([seed, epoch]).generate_state(3)
    order_seed, shuffle_seed, window_seed = (int(s) % 2**31 for s in seeds)
    windows = _windows(
        manifest, "train", batch_size * _WINDOW, (order_seed, shuffle_seed)
    )
    numbered = windows.enumerate()
    batches = numbered.flat_map(
        lambda number, window: _cut(
            window, batch_size, tf.stack([tf.cast(window_seed, tf.int64), number])
        )
    )
    weights = np.ones(len(manifest.labels)) if class_weights is None else class_weights
    weights = tf.constant(weights, tf.float32)
    return _finish(
        batches.skip(skip).map(
            lambda batch: _weigh(_rows_of(batch, worker, num_workers), weights)
        )
    )


def evaluation_batches(
    manifest: Manifest, split: str, batch_size: int
) -> tf.data.Dataset:
    """All of a split once, as `training_batches` gives it, with weights of 1.

    `index` is an example's place in the records, for sorting answers back.
    """
    windows = _windows(manifest, split, batch_size * _WINDOW, None)
    weights = tf.ones([len(manifest.labels)])
    batches = windows.flat_map(lambda window: _cut(window, batch_size, None))
    return _finish(batches.map(lambda batch: _weigh(batch, weights)))


def split_texts(manifest: Manifest, split: str) -> Iterator[tuple[str, str | None]]:
    """The texts (and second texts) of a split, in the order of `index`.

    Only the test split's records are written with their texts.
    """
    paths = shard_paths(manifest, split)
    if manifest.record_format == "hdf5":
        return HDF5Reader(paths[0]).texts()
    return read_texts(paths)


def shard_paths(manifest: Manifest, split: str) -> list[pathlib.Path]:
    """The files of a split, in the order in which examples are numbered."""
    return [manifest.directory / name for name in sorted(manifest.splits[split].shards)]


def _windows(manifest, split, window_size, seeds):
    """Dataset of dicts of `window_size` examples: ragged ids, label, index."""
    paths = shard_paths(manifest, split)
    examples = manifest.splits[split].examples
    if manifest.record_format == "hdf5":
        return _hdf5_windows(paths[0], examples, window_size, seeds)
    if seeds is None:
        records = tf.data.TFRecordDataset([str(path) for path in paths]).enumerate()
    else:
        order = np.random.default_rng(seeds[0]).permutation(len(paths))
        records = tf.data.TFRecordDataset([str(paths[i]) for i in order]).enumerate()
        records = records.shuffle(
            min(examples, _SHUFFLE_BUFFER), seeds[1], reshuffle_each_iteration=False
        )
    return records.batch(window_size).map(
        lambda index, record: parse_records(record) | {"index": index}
    )


def _hdf5_windows(path, examples, window_size, seeds):
    reader = HDF5Reader(path)
    order = np.arange(examples)
    if seeds is not None:
        order = np.random.default_rng(seeds).permutation(examples)

    def read(indices):
        ids, types, lengths, labels = tf.numpy_function(
            reader.read, [indices], [tf.int32, tf.int32, tf.int64, tf.int32]
        )
        lengths = tf.ensure_shape(lengths, [None])
        return {
            "input_ids": _ragged(ids, lengths),
            "token_type_ids": _ragged(types, lengths),
            "label": tf.ensure_shape(labels, [None]),
            "index": indices,
        }

    return tf.data.Dataset.from_tensor_slices(order).batch(window_size).map(read)


def _ragged(flat, lengths):
    return tf.RaggedTensor.from_row_lengths(tf.ensure_shape(flat, [None]), lengths)


def _cut(window, batch_size, seed):
    """One window of examples -> dataset of its padded batches."""
    lengths = window["input_ids"].row_lengths()
    rows = tf.argsort(lengths, stable=True)
    num_rows = tf.size(rows, out_type=tf.int64)
    starts = tf.range(0, num_rows, batch_size, dtype=tf.int64)
    if seed is not None:
        starts = tf.random.experimental.stateless_shuffle(starts, seed)

    def batch_at(start):
        picked = rows[start : start + batch_size]
        ids = tf.gather(window["input_ids"], picked)
        mask = tf.sequence_mask(ids.row_lengths(), dtype=tf.int32)
        return {
            "input_ids": ids.to_tensor(),
            "token_type_ids": tf.gather(window["token_type_ids"], picked).to_tensor(),
            "attention_mask": mask,
            "label": tf.gather(window["label"], picked),
            "index": tf.gather(window["index"], picked),
        }

    return tf.data.Dataset.from_tensor_slices(starts).map(batch_at)


def _rows_of(batch, worker, num_workers):
    """This worker's rows, after filling the batch up to a multiple of workers."""
    num_rows = tf.size(batch["label"])
    batch["weight"] = tf.ones([num_rows])
    if num_workers == 1:
        return batch
    missing = -num_rows % num_workers

    def rows(tensor):
        paddings = [[0, missing]] + [[0, 0]] * (tensor.shape.rank - 1)
        return tf.pad(tensor, paddings)[worker::num_workers]

    return {name: rows(tensor) for name, tensor in batch.items()}


def _weigh(batch, weights):
    weight = tf.gather(weights, batch["label"])
    return batch | {"weight": weight * batch.get("weight", 1.0)}


def _finish(batches):
    options = tf.data.Options()
    options.deterministic = True
    # Workers cut batches by themselves; TensorFlow must not cut them again.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    return batches.prefetch(4).with_options(options)
