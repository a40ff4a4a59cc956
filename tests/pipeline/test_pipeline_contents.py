"""Batches: padded little, split fairly, weighted, and the same from each format."""

import collections
import math

import numpy as np
import pytest
from made_up_batches import (
    BATCH_SIZE,
    FORMATS,
    batches_of,
    expected_sequences,
    same,
    sequences,
)
from tiny_records import prepare, source_of, tokenizer

from bert_cpu.data.pipeline import evaluation_batches, shard_paths, stored_examples
from bert_cpu.text.preprocess import Preprocess


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
