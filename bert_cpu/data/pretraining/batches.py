"""Pre-training records to batches, with other words hidden in each epoch."""

import numpy as np
import tensorflow as tf

from bert_cpu.data.deal_rows import deal_rows, read_ahead
from bert_cpu.data.pretraining.masks import draw_masks, most_predictions
from bert_cpu.data.pretraining.records import parse_records
from bert_cpu.data.pretraining.shards import Shards

# Records that are shuffled together, about; shards are dealt by lot besides. Read as
# one: one by one, they would wait for the threads that train.
_BLOCK = 20_000


def pretraining_batches(
    shards: Shards,
    batch_size: int,
    seed: int,
    epoch: int,
    skip: int = 0,
    share: float | None = 0.15,
    whole_words: bool = True,
    worker: int = 0,
    num_workers: int = 1,
) -> tf.data.Dataset:
    """One epoch of a training split, in an order that `seed` and `epoch` fix.

    The masks of the records are taken off, and new ones drawn, which `seed`, `epoch`
    and the batch's number fix. Every worker draws the same batches and takes its
    rows of each, so that together they do what one alone would.

    Args:
        shards: to read. They are not checked again.
        batch_size: int. Sequences in a batch over all workers.
        seed, epoch: int. The same two give the same batches.
        skip: int. Batches at the epoch's start that were done before.
        share: float in `(0, 1]`. Share of tokens to hide. None leaves the masks that
            the records have.
        whole_words: bool. Hide all tokens of a word; else tokens, each by itself.
        worker, num_workers: int. Which rows to take.

    Returns:
        tf.data.Dataset of dicts: `input_ids` (with tokens hidden), `token_type_ids`
        and `attention_mask`, int32 `(batch, length)`; of the tokens to guess
        `masked_positions` and `masked_ids`, int32, and `masked_weights`, float32,
        `(batch, predictions)`; `next_sentence`, int32 `(batch,)`, 1 for a second
        segment from elsewhere; `weight`, float32 `(batch,)`, 0 for rows that only
        fill up a batch which `num_workers` does not divide.
    """
    states = np.random.SeedSequence([seed, epoch]).generate_state(3)
    order_seed, shuffle_seed, mask_seed = (int(state) % 2**31 for state in states)
    order = np.random.default_rng(order_seed).permutation(len(shards.paths))
    records = tf.data.TFRecordDataset([str(shards.paths[i]) for i in order])
    block = max(1, _BLOCK // batch_size) * batch_size

    def batches_of(number, content):
        seeds = tf.stack([tf.cast(shuffle_seed, tf.int64), number])
        shuffled = tf.random.experimental.stateless_shuffle(content, seeds)
        return tf.data.Dataset.from_tensor_slices(shuffled).batch(batch_size)

    def read(number, batch):
        parsed = _parse(batch, shards)
        if share is not None:
            seeds = tf.stack([tf.cast(mask_seed, tf.int64), number])
            parsed = _draw_again(parsed, seeds, share, whole_words, shards)
        return deal_rows(_finish(parsed), worker, num_workers)

    batches = records.batch(block).enumerate().flat_map(batches_of)
    numbered = batches.enumerate().skip(skip)
    return read_ahead(numbered.map(read, num_parallel_calls=2))


def held_out_batches(shards: Shards, batch_size: int) -> tf.data.Dataset:
    """All of a split once, in order, with the masks that its records have.

    So a measure of it compares from one epoch, run or program to the next.

    Returns:
        tf.data.Dataset of the dicts that `pretraining_batches` gives.
    """
    records = tf.data.TFRecordDataset([str(path) for path in shards.paths])
    return read_ahead(
        records.batch(batch_size).map(lambda batch: _finish(_parse(batch, shards)))
    )


def _parse(batch, shards):
    is_continuation = tf.constant(shards.pieces.is_continuation)
    return parse_records(batch, shards.length, shards.max_predictions, is_continuation)


def _draw_again(parsed, seed, share, whole_words, shards):
    word_starts = parsed["word_starts"]
    ids, pieces = parsed["original_ids"], shards.pieces
    is_maskable = ~tf.gather(tf.constant(pieces.is_special), ids)
    return parsed | draw_masks(
        ids,
        word_starts if whole_words else tf.ones_like(word_starts),
        is_maskable & (parsed["attention_mask"] > 0),
        seed,
        share,
        most_predictions(shards.length, share),
        pieces.mask_id,
        tf.constant(pieces.ordinary_ids),
    )


def _finish(parsed):
    del parsed["original_ids"], parsed["word_starts"]
    return parsed | {"weight": tf.ones(tf.shape(parsed["next_sentence"]))}
