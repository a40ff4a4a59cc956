"""Batches: each example once, in a fixed order, padded little, split fairly."""

import collections
import functools
import math

import numpy as np
import pytest
import tensorflow as tf
from tiny_records import prepare, rows_of_lengths, source_of, tokenizer

from bert_cpu.data.pipeline import (
    evaluation_batches,
    shard_paths,
    stored_examples,
    training_batches,
)
from bert_cpu.text.preprocess import Preprocess

FORMATS = ("tfrecord", "hdf5")
# A window of 64 batches, a part of one, and a last batch of 3.
NUM_EXAMPLES, BATCH_SIZE = 403, 5


@pytest.fixture(scope="module")
def rows():
    lengths = np.random.default_rng(0).integers(5, 33, NUM_EXAMPLES)
    return rows_of_lengths([int(length) for length in lengths], "abc")


@pytest.fixture(scope="module")
def manifests(rows, tmp_path_factory):
    """One manifest a format, of the same texts; TFRecords in several shards."""
    directory = tmp_path_factory.mktemp("records")
    source = source_of(rows, rows[:3], rows[:150])
    return {
        record_format: prepare(
            directory / record_format,
            source,
            record_format=record_format,
            max_length=32,
            shard_size=100,
        )
        for record_format in FORMATS
    }


@pytest.fixture(params=FORMATS)
def manifest(request, manifests):
    return manifests[request.param]


def batches_of(manifest, seed=0, epoch=0, batch_size=BATCH_SIZE, **settings):
    dataset = training_batches(manifest, batch_size, seed, epoch, **settings)
    return list(dataset.as_numpy_iterator())


@pytest.fixture(scope="module")
def plain(manifests):
    """Of each format, the batches of the first epoch, read once for many tests."""
    return {name: batches_of(manifest) for name, manifest in manifests.items()}


@pytest.fixture
def batches(manifest, plain):
    return plain[manifest.record_format]


def sequences(batches):
    """(ids, types, label) of all rows that weigh something, in order."""
    return [
        (tuple(ids[mask == 1].tolist()), tuple(types[mask == 1].tolist()), int(label))
        for batch in batches
        for ids, types, mask, label, weight in zip(
            batch["input_ids"],
            batch["token_type_ids"],
            batch["attention_mask"],
            batch["label"],
            batch["weight"],
            strict=True,
        )
        if weight > 0
    ]


def expected_sequences(rows, labels="abc"):
    return [
        (tuple(ids["input_ids"]), tuple(ids["token_type_ids"]), labels.index(label))
        for text, label in rows
        for ids in [tokenizer()(text)]
    ]


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


def test_a_length_step_pads_more_and_changes_nothing_else(manifest, batches):
    stepped = batches_of(manifest, length_step=8)
    for batch, plain in zip(stepped, batches, strict=True):
        longest = plain["input_ids"].shape[1]
        assert batch["input_ids"].shape[1] == min(-(-longest // 8) * 8, 32)
        for name, values in plain.items():
            whole = batch[name] if values.ndim == 1 else batch[name][:, :longest]
            np.testing.assert_array_equal(whole, values)
        assert not batch["attention_mask"][:, longest:].any()
    assert {batch["input_ids"].shape[1] for batch in stepped} <= {8, 16, 24, 32}


def test_batches_have_the_promised_types(batches):
    for batch in batches:
        count, length = batch["input_ids"].shape
        for name in ("input_ids", "token_type_ids", "attention_mask"):
            assert (batch[name].shape, batch[name].dtype) == ((count, length), "int32")
        assert (batch["label"].shape, batch["label"].dtype) == ((count,), "int32")
        assert (batch["weight"].shape, batch["weight"].dtype) == ((count,), "float32")
        assert (batch["index"].shape, batch["index"].dtype) == ((count,), "int64")


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


def same(one, two):
    return len(one) == len(two) and all(
        a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)
        for a, b in zip(one, two, strict=True)
    )


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


def test_padding_is_little_and_only_behind(manifest):
    batches = batches_of(manifest)
    for batch in batches:
        mask = batch["attention_mask"]
        lengths = mask.sum(axis=1)
        assert np.array_equal(mask, np.arange(mask.shape[1]) < lengths[:, None])
        # Not a column more than the longest text needs.
        assert lengths.max() == mask.shape[1]
        for name in ("input_ids", "token_type_ids"):
            assert not batch[name][mask == 0].any()
    assert all(ids[0] == tokenizer().cls_token_id for ids, _, _ in sequences(batches))
    in_one_go = np.concatenate([b["attention_mask"].sum(axis=1) for b in batches])
    tokens = in_one_go.sum()
    naive = np.random.default_rng(0).permutation(in_one_go)
    naive_padded = sum(
        part.max() * len(part)
        for part in np.split(naive, range(BATCH_SIZE, len(naive), BATCH_SIZE))
    )
    padded = sum(batch["input_ids"].size for batch in batches)
    # By lot, most of a batch would be padding.
    assert naive_padded > 1.4 * tokens
    assert padded < 1.1 * tokens


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


# It divides neither 5 nor the 3 rows of the last batch.
@pytest.mark.parametrize("num_workers", [4])
def test_workers_share_each_batch(manifest, batches, num_workers):
    shares = [
        batches_of(manifest, worker=worker, num_workers=num_workers)
        for worker in range(num_workers)
    ]
    for whole, *parts in zip(batches, *shares, strict=True):
        # All workers must take part in every step, with as many rows.
        assert {len(part["label"]) for part in parts} == {
            math.ceil(len(whole["label"]) / num_workers)
        }
        assert {part["input_ids"].shape[1] for part in parts} == {
            whole["input_ids"].shape[1]
        }
        together = collections.Counter(sequences(parts))
        assert together == collections.Counter(sequences([whole]))
        weight = sum(part["weight"].sum() for part in parts)
        assert weight == len(whole["label"])
        for part in parts:
            filler = part["weight"] == 0
            assert not part["attention_mask"][filler].any()


def test_a_worker_that_goes_on_gets_what_it_would_have_got(manifest):
    share = {"worker": 1, "num_workers": 2, "class_weights": np.array([1.0, 2.0, 3.0])}
    assert same(
        batches_of(manifest, **share)[50:], batches_of(manifest, skip=50, **share)
    )


def test_class_weights_follow_the_labels(manifest):
    weights = np.array([0.5, 2.0, 8.0])
    batches = batches_of(manifest, class_weights=weights)
    for batch in batches:
        assert np.array_equal(batch["weight"], weights[batch["label"]])
    # The filler of a batch has the label 0 and still weighs nothing.
    parts = [
        batch
        for worker in range(2)
        for batch in batches_of(
            manifest, class_weights=weights, worker=worker, num_workers=2
        )
    ]
    assert sum(part["weight"].sum() for part in parts) == sum(
        batch["weight"].sum() for batch in batches
    )


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_both_formats_give_the_same(manifests, split):
    one, two = (
        collections.Counter(
            sequences(evaluation_batches(manifest, split, 8).as_numpy_iterator())
        )
        for manifest in manifests.values()
    )
    assert one == two
    assert one.total() == {"train": 403, "validation": 3, "test": 150}[split]


def test_evaluation_numbers_examples_as_they_stand_in_the_records(manifest, rows):
    # Batches of two, so that there is more than one window of 64.
    batches = list(evaluation_batches(manifest, "test", 2).as_numpy_iterator())
    assert len(batches) == 75
    assert all((batch["weight"] == 1).all() for batch in batches)
    indices = np.concatenate([batch["index"] for batch in batches])
    assert sorted(indices) == list(range(150))
    # By its number, each example finds its text.
    stored = list(stored_examples(manifest, "test"))
    found = [sequences(batches)[i] for i in np.argsort(indices)]
    assert [(each.first, each.num_windows) for each in stored] == [
        (number, 1) for number in range(150)
    ]
    examples = [each.example for each in stored]
    assert sorted((each.text, each.label) for each in examples) == sorted(rows[:150])
    assert found == expected_sequences([(each.text, each.label) for each in examples])


def test_pairs_reach_the_batch_with_their_second_segment(tmp_path):
    rows = [(f"a {n}", f"b {n}" if n % 3 else "", "xy"[n % 2]) for n in range(10)]
    for record_format in FORMATS:
        manifest = prepare(
            tmp_path / record_format,
            source_of(rows),
            record_format=record_format,
            text_pair="second",
        )
        batches = list(evaluation_batches(manifest, "test", 4).as_numpy_iterator())
        stored = list(stored_examples(manifest, "test"))
        order = np.argsort(np.concatenate([batch["index"] for batch in batches]))
        texts = [(each.example.text, each.example.text_pair) for each in stored]
        assert sorted(texts) == sorted(row[:2] for row in rows)
        for (first, second), number in zip(texts, order, strict=True):
            ids, types, _ = sequences(batches)[number]
            expected = tokenizer()([first], [second])
            assert list(ids) == expected["input_ids"][0]
            assert list(types) == expected["token_type_ids"][0]


def test_shards_are_numbered_in_the_order_of_their_names(manifests):
    names = [path.name for path in shard_paths(manifests["tfrecord"], "train")]
    assert names == [f"train-{number:05d}-of-00005.tfrecord" for number in range(5)]
    assert [path.name for path in shard_paths(manifests["hdf5"], "test")] == ["test.h5"]


def test_preprocessing_is_kept_with_the_records(tmp_path, rows):
    manifest = prepare(tmp_path / "records", rows[:20], normalize=True)
    assert Preprocess.from_dict(manifest.preprocess) == Preprocess(normalize=True)


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
