"""Records to batches: shuffled, of like lengths, padded no more than need be.

A record is one window of tokens: an example, or a part of one that is long. They
are dealt out to windows of many batches, several to an epoch. One is sorted by length
and cut into batches, and its batches are shuffled. So every batch but an
epoch's last is full, its sequences are about equally long, and the number of
steps is known beforehand: `ceil(examples / batch_size)`.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from bert_cpu.data.deal_rows import deal_rows, read_ahead
from bert_cpu.data.deal_windows import block_size, deal_windows
from bert_cpu.data.hdf5 import HDF5Reader
from bert_cpu.data.manifest import Manifest
from bert_cpu.data.stored_example import from_json
from bert_cpu.data.tfrecords import parse_records, read_kept
from bert_cpu.example import Example

# Batches in a window of records, at most. More leave less padding and mix lengths less
# well.
_WINDOW = 64
# Windows in an epoch, at least. Of one alone, the same records would meet in every
# epoch, and of questions those on one text: on 919 of XQuAD, F1 was 3.5 and 1.2 points
# less (seeds 0 and 1, batches of 8).
_LEAST_WINDOWS = 6
_TOKENS = ("input_ids", "token_type_ids")

# Changes a batch by chance: `(batch, int64 seed (2,)) -> batch`.
Draw = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """An example of a split, and which of its windows are the example's."""

    example: Example
    first: int
    num_windows: int


def training_batches(
    manifest: Manifest,
    batch_size: int,
    seed: int,
    epoch: int,
    skip: int = 0,
    class_weights: np.ndarray | None = None,
    worker: int = 0,
    num_workers: int = 1,
    draw: Draw | None = None,
    length_step: int = 1,
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
        draw: changes each batch by chance, in an epoch as in no other.
        length_step: int. Pads to a multiple of it (`max_length` at most), so that
            batches have fewer lengths.

    Returns:
        tf.data.Dataset of dicts: `input_ids`, `token_type_ids` and
        `attention_mask`, int32 `(batch, length)`; each target of the manifest,
        `(batch,)` or padded `(batch, items)`; `weight`, float32 `(batch,)`, 0 for
        rows that only fill up a batch which `num_workers` does not divide;
        `index`, int64 `(batch,)`.
    """
    seeds = np.random.SeedSequence([seed, epoch]).generate_state(4)
    order_seed, deal_seed, window_seed, draw_seed = (int(s) % 2**31 for s in seeds)
    num_batches = -(-manifest.splits["train"].windows // batch_size)
    window_size = batch_size * max(1, min(_WINDOW, num_batches // _LEAST_WINDOWS))
    windows = _windows(manifest, "train", window_size, (order_seed, deal_seed))
    numbered = windows.enumerate()
    batches = numbered.flat_map(
        lambda number, window: _cut(
            window,
            manifest.targets,
            batch_size,
            tf.stack([tf.cast(window_seed, tf.int64), number]),
            lambda longest: tf.minimum(
                -(-longest // length_step) * length_step, manifest.max_length
            ),
        )
    )

    def finish(number, batch):
        if draw is not None:
            # Before the rows are dealt out: it doesn't depend on the workers.
            batch = draw(batch, tf.stack([tf.cast(draw_seed, tf.int64), number]))
        return _weigh(
            deal_rows(_with_weights(batch), worker, num_workers), class_weights
        )

    return read_ahead(batches.enumerate().skip(skip).map(finish))


def evaluation_batches(
    manifest: Manifest, split: str, batch_size: int
) -> tf.data.Dataset:
    """All of a split once, as `training_batches` gives it, with weights of 1.

    `index` is a window's place in the records, for sorting answers back.
    """
    windows = _windows(manifest, split, batch_size * _WINDOW, None)
    batches = windows.flat_map(
        lambda window: _cut(window, manifest.targets, batch_size, None)
    )
    return read_ahead(batches.map(_with_weights))


def stored_examples(manifest: Manifest, split: str) -> Iterator[Stored]:
    """The examples of a split, in the order of the records."""
    paths = shard_paths(manifest, split)
    if manifest.record_format == "hdf5":
        lines = HDF5Reader(paths[0], manifest.targets).kept()
    else:
        lines = read_kept(paths)
    line, first = "", 0
    for index, kept in enumerate(lines):
        if kept and index:
            yield Stored(from_json(line), first, index - first)
        if kept:
            line, first = kept, index
    yield Stored(from_json(line), first, index + 1 - first)


def shard_paths(manifest: Manifest, split: str) -> list[pathlib.Path]:
    """The files of a split, in the order in which examples are numbered."""
    return [manifest.directory / name for name in sorted(manifest.splits[split].shards)]


def _windows(manifest, split, window_size, seeds):
    """Dataset of dicts of `window_size` records: ragged ids, targets, index."""
    paths = shard_paths(manifest, split)
    num_records = manifest.splits[split].windows
    if manifest.record_format == "hdf5":
        return _hdf5_windows(
            paths[0], manifest.targets, num_records, window_size, seeds
        )
    if seeds is None:
        records = tf.data.TFRecordDataset([str(path) for path in paths])
        windows = records.enumerate().batch(window_size)
    else:
        places = np.random.default_rng(seeds[0]).permutation(len(paths))
        records = tf.data.TFRecordDataset([str(paths[place]) for place in places])
        windows = _dealt(records, num_records, window_size, seeds[1])
    return windows.map(
        lambda index, record: parse_records(record, manifest.targets) | {"index": index}
    )


def _dealt(records, num_records, window_size, seed):
    """Dataset of windows' records and their numbers, a block of records at a time."""
    order = tf.constant(deal_windows(num_records, window_size, seed))
    block = block_size(window_size)

    def windows_of(number, content):
        start = number * block
        dealt = tf.data.Dataset.from_tensor_slices(order[start : start + block])
        return dealt.batch(window_size).map(
            lambda index: (index, tf.gather(content, index - start))
        )

    return records.batch(block).enumerate().flat_map(windows_of)


def _hdf5_windows(path, targets, num_records, window_size, seeds):
    reader = HDF5Reader(path, targets)
    order = np.arange(num_records)
    if seeds is not None:
        order = deal_windows(num_records, window_size, seeds[1])
    # What a reader's columns are: values behind each other and their numbers, or
    # one value a record.
    kinds: dict[str, tuple] = dict.fromkeys(_TOKENS, (tf.int32, tf.int64))
    for name, target in targets.items():
        dtype = tf.dtypes.as_dtype(target.dtype)
        kinds[name] = (dtype, tf.int64) if target.is_list else (dtype,)

    def read(indices):
        flat = tf.numpy_function(
            lambda wanted: _flatten(reader.read(wanted), kinds),
            [indices],
            [dtype for columns in kinds.values() for dtype in columns],
        )
        parts = iter([tf.ensure_shape(part, [None]) for part in flat])
        window = {"index": indices}
        for name, columns in kinds.items():
            values = next(parts)
            window[name] = (
                tf.RaggedTensor.from_row_lengths(values, next(parts))
                if len(columns) == 2
                else values
            )
        return window

    return tf.data.Dataset.from_tensor_slices(order).batch(window_size).map(read)


def _flatten(columns, kinds):
    return [
        part.astype(dtype.as_numpy_dtype)
        for name, dtypes in kinds.items()
        for part, dtype in zip(columns[name], dtypes, strict=True)
    ]


def _cut(window, targets, batch_size, seed, padded_length=tf.identity):
    """One window of records -> dataset of its batches, padded to `padded_length`."""
    lengths = window["input_ids"].row_lengths()
    rows = tf.range(tf.size(lengths))
    starts = tf.range(0, tf.size(lengths), batch_size)
    if seed is not None:
        # Equally long ones meet by lot.
        rows = tf.random.experimental.stateless_shuffle(rows, seed + 1)
        starts = tf.random.experimental.stateless_shuffle(starts, seed)
    rows = tf.gather(rows, tf.argsort(tf.gather(lengths, rows), stable=True))

    def batch_at(start):
        picked = rows[start : start + batch_size]
        lengths = tf.gather(window["input_ids"].row_lengths(), picked)
        length = padded_length(tf.reduce_max(lengths))
        batch = {
            name: _padded(tf.gather(window[name], picked), length) for name in _TOKENS
        }
        batch["attention_mask"] = tf.sequence_mask(lengths, length, dtype=tf.int32)
        batch["index"] = tf.gather(window["index"], picked)
        for name, target in targets.items():
            values = tf.gather(window[name], picked)
            if target.is_list:
                longest = padded_length(tf.reduce_max(values.row_lengths()))
                values = _padded(values, longest, target.padding)
            batch[name] = values
        return batch

    return tf.data.Dataset.from_tensor_slices(starts).map(batch_at)


def _padded(rows, length, padding=0):
    """A ragged tensor -> `(rows, length)`."""
    dense = rows.to_tensor(tf.cast(padding, rows.dtype))
    missing = tf.cast(length, tf.int32) - tf.shape(dense)[1]
    return tf.pad(dense, [[0, 0], [0, missing]], constant_values=padding)


def _with_weights(batch):
    return batch | {"weight": tf.ones([tf.size(batch["index"])])}


def _weigh(batch, class_weights):
    if class_weights is None:
        return batch
    weights = tf.constant(class_weights, tf.float32)
    return batch | {"weight": tf.gather(weights, batch["label"]) * batch["weight"]}
