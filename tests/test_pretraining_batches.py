"""Pre-training batches: the same sequences, with other words hidden each epoch."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_pretraining import (
    LENGTH,
    MOST,
    made_up_tokenizer,
    prepare,
    read_as_the_original,
    tokens_of,
    unmasked,
)

from bert_cpu.data.pretraining.batches import held_out_batches, pretraining_batches
from bert_cpu.data.pretraining.find_shards import find_shards
from bert_cpu.data.pretraining.pieces import Pieces


@pytest.fixture(scope="module", params=[True, False], ids=["pairs", "no pairs"])
def manifest(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("records") / "made"
    return prepare(directory, next_sentence=request.param)


def epoch_of(shards, epoch=0, seed=0, batch_size=8, **settings):
    batches = pretraining_batches(shards, batch_size, seed, epoch, **settings)
    return list(batches.as_numpy_iterator())


def sequences_of(batches):
    """Rows with nothing hidden, as tuples, in order."""
    rows = []
    for batch in batches:
        ids = batch["input_ids"].copy()
        for row, positions in enumerate(batch["masked_positions"]):
            used = batch["masked_weights"][row] > 0
            ids[row, positions[used]] = batch["masked_ids"][row, used]
        real = batch["weight"] > 0
        rows += [tuple(row) for row in ids[real].tolist()]
    return rows


def same(left, right):
    return len(left) == len(right) and all(
        np.array_equal(one[name], two[name])
        for one, two in zip(left, right, strict=True)
        for name in one
    )


@pytest.fixture(scope="module")
def shards(manifest):
    return manifest.open_shards("train", LENGTH)


@pytest.fixture(scope="module")
def plain(shards):
    """The batches of the first epoch, read once for many tests."""
    return epoch_of(shards)


def test_batches_have_their_shapes(shards, plain):
    assert len(plain) == -(-shards.examples // 8)
    shapes = {name: (v.shape, v.dtype.name) for name, v in plain[0].items()}
    assert shapes == {
        "input_ids": ((8, LENGTH), "int32"),
        "token_type_ids": ((8, LENGTH), "int32"),
        "attention_mask": ((8, LENGTH), "int32"),
        "masked_positions": ((8, MOST), "int32"),
        "masked_ids": ((8, MOST), "int32"),
        "masked_weights": ((8, MOST), "float32"),
        "next_sentence": ((8,), "int32"),
        "weight": ((8,), "float32"),
    }


def test_epochs_have_the_same_sequences_with_other_masks(shards, plain):
    assert same(epoch_of(shards), plain)
    records = read_as_the_original(shards.paths, LENGTH, MOST)
    expected = sorted(tuple(unmasked(record).tolist()) for record in records)

    def masks(batches):
        return {
            sequence: tuple(positions)
            for sequence, positions in zip(
                sequences_of(batches),
                np.concatenate([batch["masked_positions"] for batch in batches]),
                strict=True,
            )
        }

    for chance in ({"epoch": 1}, {"seed": 1}):
        batches = epoch_of(shards, **chance)
        sequences = sequences_of(batches)
        bare = sorted(tuple(n for n in row if n) for row in sequences)
        assert bare == expected
        assert sequences != sequences_of(plain)
        before, after = masks(plain), masks(batches)
        moved = [before[sequence] != after[sequence] for sequence in before]
        assert np.mean(moved) > 0.8


def test_an_epoch_goes_on_where_it_stopped(shards, plain):
    assert same(epoch_of(shards, skip=3), plain[3:])


def test_workers_together_do_what_one_does(shards):
    # A last batch that they don't divide is filled up with rows of no weight.
    num_workers = next(n for n in (2, 3, 5, 7) if shards.examples % n)
    size = 16 * num_workers
    alone = epoch_of(shards, batch_size=size)
    shares = [
        epoch_of(shards, batch_size=size, worker=worker, num_workers=num_workers)
        for worker in range(num_workers)
    ]
    for whole, *parts in zip(alone, *shares, strict=True):
        for name, values in whole.items():
            rows = np.stack([part[name] for part in parts], 1)
            rows = rows.reshape(-1, *values.shape[1:])
            np.testing.assert_array_equal(rows[: len(values)], values)
            if name in ("weight", "masked_weights"):
                assert not rows[len(values) :].any()


def test_another_share_is_drawn_from_the_same_records(shards):
    batches = epoch_of(shards, share=0.4)
    assert batches[0]["masked_positions"].shape == (8, 13)
    hidden = sum(batch["masked_weights"].sum() for batch in batches)
    maskable = sum((np.array(row) > 4).sum() for row in sequences_of(batches))
    assert hidden / maskable == pytest.approx(0.4, abs=0.03)


def test_masks_are_left_where_none_are_asked_for(shards, plain):
    kept, again = (epoch_of(shards, epoch, share=None) for epoch in (0, 1))
    assert sequences_of(kept) == sequences_of(plain)
    records = read_as_the_original(shards.paths, LENGTH, MOST)
    written = sorted(record["input_ids"].tolist() for record in records)
    for batches in (kept, again):
        rows = np.concatenate([batch["input_ids"] for batch in batches])
        assert sorted(rows.tolist()) == written


def test_held_out_masks_are_those_of_the_records(manifest):
    shards = manifest.open_shards("validation", LENGTH)
    records = read_as_the_original(shards.paths, LENGTH, MOST)
    batches = list(held_out_batches(shards, 4).as_numpy_iterator())
    for name, original in {
        "input_ids": "input_ids",
        "token_type_ids": "segment_ids",
        "attention_mask": "input_mask",
        "masked_positions": "masked_lm_positions",
        "masked_ids": "masked_lm_ids",
        "masked_weights": "masked_lm_weights",
    }.items():
        actual = np.concatenate([batch[name] for batch in batches])
        np.testing.assert_array_equal(actual, [record[original] for record in records])


def test_chinese_words_and_pieces_are_hidden_whole(tmp_path):
    manifest = prepare(tmp_path / "a", (64,), next_sentence=False)
    batches = epoch_of(manifest.open_shards("train", 64))
    num_seen = dict.fromkeys(("喜欢", "北京大学", "他们"), 0)
    for batch in batches:
        rows = zip(
            sequences_of([batch]),
            batch["masked_positions"],
            batch["masked_weights"],
            strict=True,
        )
        for sequence, positions, weights in rows:
            hidden = set(positions[weights > 0].tolist())
            tokens = tokens_of(sequence)
            for place, token in enumerate(tokens):
                if token.startswith("##") and not tokens[place - 1].startswith("["):
                    assert (place in hidden) == (place - 1 in hidden)
            for word in num_seen:
                for place in range(len(tokens) - len(word)):
                    # Behind a border, the word may be the end of a cut one.
                    if "".join(tokens[place : place + len(word)]) == word:
                        span = set(range(place, place + len(word)))
                        assert len(span & hidden) in (0, len(word))
                        num_seen[word] += bool(span & hidden)
    assert min(num_seen.values()) > 3


def test_without_whole_words_a_part_of_a_word_is_hidden(tmp_path):
    manifest = prepare(tmp_path / "a", (64,), next_sentence=False)
    batches = epoch_of(manifest.open_shards("train", 64), whole_words=False)
    num_cut = num_whole = 0
    for batch in batches:
        for row, sequence in enumerate(sequences_of([batch])):
            used = batch["masked_weights"][row] > 0
            hidden = set(batch["masked_positions"][row][used].tolist())
            text = "".join(token[:1] for token in tokens_of(sequence))
            place = text.find("北京大学")
            if place >= 0:
                num_hidden = len(set(range(place, place + 4)) & hidden)
                num_cut += 0 < num_hidden < 4
                num_whole += num_hidden == 4
    assert num_cut > 3 * num_whole


def write_as_the_original(path):
    """Two records as the original writes them, without `word_starts`."""
    text = made_up_tokenizer()("The filmmakers filmed everything! 我们看见北京大学。")
    ids = text["input_ids"]
    padding = [0] * (LENGTH - len(ids))
    hidden = list(ids)
    hidden[2] = made_up_tokenizer().mask_token_id
    columns = {
        "input_ids": hidden + padding,
        "input_mask": [1] * len(ids) + padding,
        "segment_ids": [0] * LENGTH,
        "masked_lm_positions": [2, 0, 0],
        "masked_lm_ids": [ids[2], 0, 0],
        "next_sentence_labels": [1],
    }
    features = {
        name: tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        for name, values in columns.items()
    }
    features["masked_lm_weights"] = tf.train.Feature(
        float_list=tf.train.FloatList(value=[1.0, 0.0, 0.0])
    )
    example = tf.train.Example(features=tf.train.Features(feature=features))
    with tf.io.TFRecordWriter(str(path)) as writer:
        for _ in range(2):
            writer.write(example.SerializeToString())
    return tuple(ids + padding)


def test_the_originals_records_are_read(tmp_path):
    path = tmp_path / "original.tfrecord"
    expected = write_as_the_original(path)
    shards = find_shards([path], Pieces(made_up_tokenizer().get_vocab()))
    assert (shards.examples, shards.length, shards.max_predictions) == (2, LENGTH, 3)
    tokens = tokens_of(expected)
    starts = [not token.startswith("##") for token in tokens]
    for epoch in range(6):
        [batch] = epoch_of(shards, epoch)
        assert sequences_of([batch]) == [expected] * 2
        assert batch["next_sentence"].tolist() == [1, 1]
        hidden = set(batch["masked_positions"][0][batch["masked_weights"][0] > 0])
        assert hidden
        for place in range(1, len(tokens)):
            if not starts[place]:
                assert (place in hidden) == (place - 1 in hidden)
