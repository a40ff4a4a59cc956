"""Records that would not serve are not made, and the reason is a line."""

import pytest
import tiny_records
from prepare_cases import FORMATS, ROWS, refused
from tiny_records import prepare, rows_of_lengths, source_of

from bert_cpu.data.sources.source import Source
from bert_cpu.errors import UserError


def test_a_source_that_is_changed_meanwhile_is_refused(tmp_path):
    readings = []

    def shrinking():
        readings.append(1)
        return iter(tiny_records.examples_of(ROWS)[: 4 - len(readings)])

    source = source_of(ROWS)
    source = Source("made-up", source.splits | {"test": shrinking})
    assert refused(tmp_path, source) == (
        "'made-up' was changed while it was read. Prepare it again."
    )


def test_a_single_label_is_refused(tmp_path):
    assert refused(tmp_path, [("a", "pos"), ("b", "pos")]) == (
        "'made-up' has only the label 'pos', but two or more are needed. Is this the "
        "right column? Name it with --label."
    )


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_label_that_training_never_saw_is_refused(tmp_path, split):
    source = source_of(ROWS, **{split: [("a", "pos"), ("b", "odd"), ("c", "new")]})
    assert refused(tmp_path, source) == (
        f"row 2 is in the {split} split and has the label 'new', which training never "
        "sees (it has: neg, pos). Correct the label, add examples of it to the "
        "training split, or name another column with --label."
    )


def test_of_many_labels_eight_are_named(tmp_path):
    rows = [("a", label) for label in "abcdefghi"]
    assert "(it has: a, b, c, d, e, f, g, h, …)" in refused(
        tmp_path, source_of(rows, test=[("a", "z")])
    )


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_empty_split_is_refused(tmp_path, split):
    splits = {"train": ROWS, "validation": ROWS, "test": ROWS, split: []}
    own_file = f", or a file of its own with --{split}" if split != "train" else ""
    assert refused(tmp_path, source_of(**splits)) == (
        f"The {split} split of 'made-up' is empty. Give more texts{own_file}."
    )


@pytest.mark.parametrize("record_format", FORMATS)
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_of_empty_texts_is_refused(tmp_path, split, record_format):
    empty = [("", "pos"), ("  ", "neg"), ("\x00\u200b", "neg")]
    source = source_of(
        **{"train": ROWS, "validation": ROWS, "test": ROWS, split: empty}
    )
    message = refused(tmp_path, source, record_format=record_format, text="review")
    assert message == (
        f"The {split} split of 'made-up' has only empty texts. Look at its column "
        "'review'."
    )


def test_a_label_of_empty_texts_is_refused(tmp_path):
    assert refused(tmp_path, source_of([*ROWS, ("", "odd")], ROWS, ROWS)) == (
        "The train split of 'made-up' has only empty texts with the label 'odd'. Fill "
        "them in, or leave the label out."
    )


@pytest.mark.parametrize("count, least", [(501, "2"), (1100, "3")])
def test_too_many_shards_are_refused(tmp_path, count, least):
    message = refused(tmp_path, rows_of_lengths([5] * count), shard_size=1)
    assert message == (
        f"--shard-size is 1, so train would have {count:,} shards, but 500 at most are "
        f"written at once. Ask for {least} or more."
    )


def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(UserError) as refusal:
        prepare(tmp_path / "file" / "records", ROWS)
    assert str(refusal.value) == (
        f"'{tmp_path / 'file' / 'records'}' can't be made (Not a directory). Choose "
        "another directory."
    )
