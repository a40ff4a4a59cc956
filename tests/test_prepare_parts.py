"""Parts that machines prepare join to what one prepares, or are refused."""

import os
import pathlib
import tempfile

import numpy as np
import pytest
import tiny_records
from hypothesis import given, settings
from hypothesis import strategies as st
from ninety_texts import ROWS, content_of, whole
from refusal import refusal_of
from tiny_records import source_of, tokenizer

from bert_cpu.data.pieces import plan
from bert_cpu.data.pieces.merge_parts import merge_parts
from bert_cpu.data.pieces.part import read_part_option
from bert_cpu.data.pieces.shard_of import shard_of
from bert_cpu.data.prepare import prepare_part
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.classify import Classify


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(plan, "_PIECE_SIZE", 10)


def prepare_one_part(directory, part, rows=ROWS, task=None, **options):
    given_settings = PrepareSettings(shard_size=25, **options)
    return prepare_part(
        source_of(rows),
        given_settings,
        tokenizer(),
        directory,
        task or Classify(),
        lambda *now: None,
        "processes",
        part,
    )


@settings(max_examples=12)
@given(
    st.integers(1, 12),
    st.sampled_from([Classify, tiny_records.ReadAll]),
    st.sampled_from(["tfrecord", "hdf5"]),
    st.randoms(),
)
def test_parts_join_to_what_one_machine_prepares(count, task_type, form, random):
    with tempfile.TemporaryDirectory() as name:
        places = [pathlib.Path(name) / f"part-{index}" for index in range(count)]
        for index, place in enumerate(places):
            prepare_one_part(
                place, (index, count), task=task_type(), record_format=form
            )
        random.shuffle(places)
        merged = pathlib.Path(name) / "merged"
        merge_parts(places, merged)
        assert content_of(merged) == whole(task_type, form)
        assert len(os.listdir(name)) == count + 1


def test_shards_are_dealt_evenly():
    for num_shards in (2, 7, 40):
        dealt = [shard_of(number, num_shards) for number in range(20_000)]
        counts = np.bincount(dealt, minlength=num_shards)
        expected = 20_000 / num_shards
        # Five standard deviations of a fair deal.
        assert np.all(np.abs(counts - expected) < 5 * expected**0.5)
        # Nor does one follow from the one before.
        pairs = np.corrcoef(dealt[:-1], dealt[1:])[0, 1]
        assert abs(pairs) < 0.035


@pytest.mark.parametrize("option", ["4/4", "1", "-1/4", "a/b", "1/0", "", "1/2/3"])
def test_a_part_that_is_none_is_refused(option):
    assert refusal_of(read_part_option, option) == (
        f"--part is {option}, but must be i/N, with i from 0 to N-1: 0/4 to 3/4 for "
        "four machines."
    )


def test_parts_that_are_not_one_set_are_refused(tmp_path):
    first, second, other, third, longer = (tmp_path / name for name in "abcde")
    prepare_one_part(first, (0, 2))
    prepare_one_part(second, (1, 2))
    prepare_one_part(other, (1, 2), [*ROWS, ("one more", "pos")])
    prepare_one_part(third, (2, 3))
    prepare_one_part(longer, (1, 2), max_length=64)
    for parts, complaint in (
        ([first], "Part 1/2 is missing (1 of 2 were named). Name all of them."),
        (
            [first, second, first],
            f"'{first}' and '{first}' are both part 0/2. Name each part once.",
        ),
        (
            [first, third],
            f"'{third}' is one of 3 parts, but '{first}' is one of 2. Name parts of "
            "one set.",
        ),
        (
            [first, other],
            f"'{other}' was prepared from another train split than '{first}'. Prepare "
            "the parts of one set alike.",
        ),
        (
            [first, longer],
            f"'{longer}' was prepared with another --max-length (64 and not 128) than "
            f"'{first}'. Prepare the parts of one set alike.",
        ),
    ):
        assert refusal_of(merge_parts, parts, tmp_path / "merged") == complaint


def test_a_damaged_part_is_refused(tmp_path):
    prepare_one_part(tmp_path / "a", (0, 1))
    path = tmp_path / "a" / "train-0000001.tfrecord"
    whole_piece = path.read_bytes()
    for damaged in (whole_piece[:-1], whole_piece[:-1] + b"?", whole_piece + b"?"):
        path.write_bytes(damaged)
        assert refusal_of(merge_parts, [tmp_path / "a"], tmp_path / "merged") == (
            f"'{path}' was changed since it was written. Prepare its part again."
        )
    path.with_suffix(".json").unlink()
    assert refusal_of(merge_parts, [tmp_path / "a"], tmp_path / "merged") == (
        f"'{path.with_suffix('.json')}' does not describe a piece of records "
        "(FileNotFoundError). Prepare its part again."
    )
    assert os.listdir(tmp_path) == ["a"]
