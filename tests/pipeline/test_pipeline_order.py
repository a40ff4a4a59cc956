"""Batches: each example once, in an order that the seed and the epoch fix."""

import collections
import functools
import math

import numpy as np
import pytest
import tensorflow as tf
from made_up_batches import (
    BATCH_SIZE,
    FORMATS,
    NUM_EXAMPLES,
    batches_of,
    expected_sequences,
    same,
    sequences,
)
from tiny_records import prepare, rows_of_lengths

from bert_cpu.data.pipeline import evaluation_batches, training_batches


def test_an_epoch_has_every_example_once(batches, rows):
    actual = collections.Counter(sequences(batches))
    assert actual == collections.Counter(expected_sequences(rows))
    assert max(actual.values()) == 1


@pytest.mark.parametrize("batch_size", [5, 32, 403, 404])
def test_all_batches_but_one_are_full(manifest, batch_size):
    batches = batches_of(manifest, batch_size=batch_size)
    assert len(batches) == math.ceil(NUM_EXAMPLES / batch_size)
    sizes = collections.Counter(len(batch["label"]) for batch in batches)
    assert sizes.pop(batch_size, 0) == NUM_EXAMPLES // batch_size
    rest = NUM_EXAMPLES % batch_size
    assert sizes == ({rest: 1} if rest else {})


def test_seed_and_epoch_fix_the_order(manifest):
    one, again, *others = (
        batches_of(manifest, seed=seed, epoch=epoch, batch_size=32)
        for seed, epoch in [(1, 2), (1, 2), (2, 1), (1, 1)]
    )
    assert same(one, again)
    orders = [sequences(batches) for batches in (one, *others)]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(orders[2])


@pytest.mark.parametrize("record_format", FORMATS)
def test_no_epoch_has_the_batches_of_another(tmp_path, rows, record_format):
    # In one shard, whose place among others can't be what differs.
    manifest = prepare(tmp_path / "records", rows, record_format=record_format)
    one, two = (
        {frozenset(sequences([batch])) for batch in batches_of(manifest, epoch=epoch)}
        for epoch in (0, 1)
    )
    assert len(one & two) < 0.1 * len(one)


def test_a_data_set_that_is_read_twice_has_one_order(manifest):
    dataset = training_batches(manifest, 32, 0, 0)
    one, two = (list(dataset.as_numpy_iterator()) for _ in range(2))
    assert same(one, two)


def test_neighbours_in_the_data_are_not_neighbours_in_training(batches, rows):
    place = {text: number for number, text in enumerate(expected_sequences(rows))}
    order = [place[sequence] for sequence in sequences(batches)]
    apart = np.abs(np.diff(order))
    # Two random places of 403 are a third of it apart.
    assert abs(np.mean(apart) - NUM_EXAMPLES / 3) < 30
    assert np.mean(apart == 1) < 0.02


def test_batches_do_not_grow_in_length_over_an_epoch(batches):
    lengths = [batch["input_ids"].shape[1] for batch in batches[:64]]
    correlation = np.corrcoef(lengths, np.arange(len(lengths)))[0, 1]
    assert abs(correlation) < 0.4


@pytest.mark.parametrize("skip", [65, 81])
def test_skipping_drops_the_first_batches(manifest, batches, skip):
    assert same(batches[skip:], batches_of(manifest, skip=skip))


def test_the_same_examples_do_not_meet_in_every_epoch(tmp_path):
    """Though each has a length of its own, and batches are of like lengths."""
    rows = rows_of_lengths([5 + number for number in range(120)], "abc")
    manifest = prepare(tmp_path / "records", rows, max_length=130)
    number = manifest.splits["train"].windows

    def together(epoch):
        groups = [batch["index"] for batch in batches_of(manifest, epoch=epoch)]
        return {(a, b) for group in groups for a in group for b in group if a < b}

    first = together(0)
    kept = [len(first & together(epoch)) / len(first) for epoch in range(1, 6)]
    # By chance two share a batch of five as often as this.
    assert 4 / (number - 1) < np.mean(kept) < 0.5


def shaken(batch, seed):
    """Puts a random number in place of each label."""
    shape = tf.shape(batch["label"])
    labels = tf.random.stateless_uniform(shape, seed, maxval=2**30, dtype=tf.int32)
    return batch | {"label": labels}


shaken_batches = functools.partial(batches_of, draw=shaken)


def labels_of(batches):
    return [tuple(batch["label"].tolist()) for batch in batches]


def test_what_is_drawn_differs_by_batch_epoch_and_seed_and_by_nothing_else(manifest):
    first = shaken_batches(manifest)
    assert same(first, shaken_batches(manifest))
    drawn = labels_of(first)
    drawn += labels_of(shaken_batches(manifest, epoch=1))
    drawn += labels_of(shaken_batches(manifest, seed=1))
    # As a set, it would lose what was drawn twice.
    assert len(set(drawn)) == len(drawn) == 3 * 81
    # A batch is drawn as it would have been if those before it had been done.
    assert same(first[70:], shaken_batches(manifest, skip=70))


def test_all_workers_draw_the_same(manifest):
    whole = shaken_batches(manifest)
    first, second = (
        shaken_batches(manifest, worker=worker, num_workers=2) for worker in (0, 1)
    )
    for all_rows, one, other in zip(whole, first, second, strict=True):
        count = len(all_rows["label"])
        dealt = np.stack([one["label"], other["label"]], axis=1).reshape(-1)
        assert np.array_equal(dealt[:count], all_rows["label"])


def test_no_thread_of_tensorflow_decides_how_batches_are_read(manifest):
    """Its tuner sleeps for up to a minute, and the end of an epoch may wait for it."""
    for batches in (
        training_batches(manifest, BATCH_SIZE, seed=0, epoch=0),
        evaluation_batches(manifest, "test", BATCH_SIZE),
    ):
        assert batches.options().autotune.enabled is False
