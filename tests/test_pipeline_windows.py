"""Batches of long texts: windows stay together, and targets come with them."""

import collections

import numpy as np
import pytest
from tiny_records import ReadAll, prepare, tokenizer

from bert_cpu.data.pipeline import (
    evaluation_batches,
    stored_examples,
    training_batches,
)
from bert_cpu.example import Example

FORMATS = ("tfrecord", "hdf5")
MAX_LENGTH, STRIDE = 8, 2
LONG_TEXTS = [" ".join("abcdefgh"[: 1 + n % 8] * (1 + n % 5)) for n in range(60)]


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    """One manifest a format, of texts that are up to ten windows long."""
    directory = tmp_path_factory.mktemp("windows")
    rows = [(text, number) for number, text in enumerate(LONG_TEXTS)]
    return {
        record_format: prepare(
            directory / record_format,
            rows,
            task=ReadAll(),
            record_format=record_format,
            max_length=MAX_LENGTH,
            stride=STRIDE,
            shard_size=20,
        )
        for record_format in FORMATS
    }


def expected_windows(text):
    """Ids and places of each window, cut by hand out of all of the text's."""
    whole = tokenizer()(text, return_offsets_mapping=True)
    ids = whole["input_ids"][1:-1]
    places = [start for start, _ in whole["offset_mapping"]][1:-1]
    width, step = MAX_LENGTH - 2, MAX_LENGTH - 2 - STRIDE
    ends = tokenizer().cls_token_id, tokenizer().sep_token_id
    starts = range(0, max(1, len(ids) - STRIDE), step)
    return [
        ([ends[0], *ids[i : i + width], ends[1]], places[i : i + width]) for i in starts
    ]


@pytest.mark.parametrize("record_format", FORMATS)
def test_the_windows_of_a_text_stay_together_and_are_one_example(
    windows, record_format
):
    manifest = windows[record_format]
    batches = list(evaluation_batches(manifest, "test", 4).as_numpy_iterator())
    rows = {
        int(index): (ids[mask == 1].tolist(), number)
        for batch in batches
        for index, ids, mask, number in zip(
            batch["index"],
            batch["input_ids"],
            batch["attention_mask"],
            batch["number"],
            strict=True,
        )
    }
    stored = list(stored_examples(manifest, "test"))
    end = 0
    for each in stored:
        expected = expected_windows(each.example.text)
        assert (each.first, each.num_windows) == (end, len(expected))
        end += len(expected)
        found = [rows[index] for index in range(each.first, end)]
        assert found == [(ids, n) for n, (ids, _) in enumerate(expected)]
    assert end == len(rows) == manifest.splits["test"].windows
    assert max(each.num_windows for each in stored) > 5
    assert collections.Counter(each.example for each in stored) == collections.Counter(
        Example(text, None, number, "") for number, text in enumerate(LONG_TEXTS)
    )


@pytest.mark.parametrize("record_format", FORMATS)
@pytest.mark.parametrize("is_training", [False, True])
def test_targets_reach_the_batch_and_lists_have_padding_of_their_own(
    windows, record_format, is_training
):
    manifest = windows[record_format]
    batches = (
        training_batches(manifest, 5, seed=0, epoch=0)
        if is_training
        else evaluation_batches(manifest, "train", 5)
    )
    expected = collections.Counter(
        (tuple(ids), tuple(places), number)
        for text in LONG_TEXTS
        for number, (ids, places) in enumerate(expected_windows(text))
    )
    found = collections.Counter()
    for batch in batches.as_numpy_iterator():
        lengths = batch["attention_mask"].sum(axis=1)
        assert batch["places"].dtype == batch["number"].dtype == np.int32
        assert batch["way"].dtype == batch["filled"].dtype == np.float32
        assert batch["places"].shape == batch["way"].shape
        assert batch["places"].shape[1] == lengths.max() - 2
        assert np.array_equal(batch["filled"], np.float32(lengths / 16))
        is_padding = np.arange(batch["places"].shape[1]) >= lengths[:, None] - 2
        assert (batch["places"][is_padding] == -1).all()
        assert (batch["way"][is_padding] == 0.5).all()
        way = np.float32(batch["places"] / 64)
        assert np.array_equal(batch["way"][~is_padding], way[~is_padding])
        for row, length in enumerate(lengths):
            ids = tuple(batch["input_ids"][row, :length].tolist())
            places = tuple(batch["places"][row, : length - 2].tolist())
            found[ids, places, int(batch["number"][row])] += 1
    assert found == expected
