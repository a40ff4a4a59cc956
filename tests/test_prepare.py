"""From texts to records: the right counts, shards and labels."""

import shutil

import pytest
import tiny_records
from prepare_cases import FORMATS, ROWS, refused
from tiny_records import prepare, rows_of_lengths, source_of, tokenizer

from bert_cpu.data.manifest import load_manifest
from bert_cpu.data.pieces import plan
from bert_cpu.data.pipeline import shard_paths, stored_examples
from bert_cpu.data.prepare import prepare_records
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.classify import Classify


@pytest.mark.parametrize("record_format", FORMATS)
def test_counts_are_those_of_the_texts(tmp_path, record_format):
    train = [
        *(("a", "x"), ("a b", "y"), ("b a", "y"), ("", "x"), (" \u200b", "y")),
        *(("a b c d e f", "x"), ("a b c d e f g", "y")),
    ]
    test = [("c", "y"), ("", "y")]
    manifest = prepare(
        tmp_path / "records",
        source_of(train, [("b", "x")], test),
        record_format=record_format,
        max_length=6,
    )
    split = manifest.splits["train"]
    assert split.examples == 5
    assert split.tokens == 3 + 4 + 4 + 6 + 6
    assert split.cut_texts == 2
    assert split.empty_texts == 2
    assert (split.unknown_tokens, split.unknown_share) == (0, 0.0)
    assert split.length_histogram == {3: 1, 4: 2, 6: 2}
    assert split.label_counts == {"x": 2, "y": 3}
    assert split.windows == sum(split.shard_windows.values()) == 5
    assert manifest.splits["validation"].label_counts == {"x": 1, "y": 0}
    assert manifest.splits["test"].empty_texts == 1
    assert [each.example for each in stored_examples(manifest, "test")] == [
        Example("c", None, "y", "")
    ]
    assert manifest.labels == ("x", "y")
    files = {path.name for path in (tmp_path / "records").iterdir()}
    names = {name for part in manifest.splits.values() for name in part.shards}
    assert files == names | {"manifest.json"}
    assert load_manifest(tmp_path / "records") == manifest


@pytest.mark.parametrize("record_format", FORMATS)
def test_a_long_text_is_one_example_and_several_windows(tmp_path, record_format):
    # Of 8 tokens, 6 are the text's and 2 are shared: 4 new ones a window.
    texts = ["a " * 6, "a " * 7, "a " * 15, "a " * 3 + "?", ""]
    manifest = prepare(
        tmp_path / "records",
        [(text, "no label") for text in texts],
        task=tiny_records.ReadAll(),
        record_format=record_format,
        max_length=8,
        stride=2,
    )
    split = manifest.splits["train"]
    assert (split.examples, split.windows) == (3, 1 + 2 + 4)
    assert sum(split.shard_windows.values()) == 7
    assert split.length_histogram == {5: 2, 8: 5}
    assert split.tokens == 2 * 5 + 5 * 8
    # The text that the task gives up counts as cut.
    assert (split.cut_texts, split.empty_texts) == (1, 1)
    assert manifest.labels == ()
    assert split.label_counts == {}
    assert (manifest.task, manifest.stride) == ("read_all", 2)
    assert manifest.targets == dict(tiny_records.ReadAll.targets)
    assert load_manifest(tmp_path / "records") == manifest


def test_tokens_that_the_vocabulary_lacks_are_counted(tmp_path):
    train = [("a b Ю", "x"), ("a Я b c d", "y"), ("c d", "x"), ("Ю", "y")]
    rows = source_of(train, [("Ю", "x")], [("b", "y")])
    manifest = prepare(tmp_path / "records", rows, most_unknown=0.28)
    split = manifest.splits["train"]
    assert split.unknown_tokens == 3
    assert split.unknown_share == pytest.approx(3 / 11)
    assert manifest.splits["validation"].unknown_share == 1.0
    assert load_manifest(tmp_path / "records") == manifest
    shutil.rmtree(tmp_path / "records")
    assert refused(tmp_path, rows, most_unknown=0.25) == (
        "27.3% of the tokens in the train split of 'made-up' are unknown to the "
        "encoder's vocabulary, but --most-unknown is 25.0%. Choose an --encoder of "
        "this language, or allow more."
    )


@pytest.mark.parametrize("size, shards", [(3, 1), (2, 2), (1, 3), (100, 1)])
def test_shards_are_as_many_as_their_size_says(tmp_path, size, shards):
    manifest = prepare(tmp_path / "records", ROWS, shard_size=size)
    assert len(shard_paths(manifest, "train")) == shards
    assert sum(manifest.splits["train"].shard_windows.values()) == 3


@pytest.mark.parametrize(
    "given, expected",
    [
        ("bca", "abc"),
        (map(str, (10, 9, 1, 2, 100)), ("1", "2", "9", "10", "100")),
        (("2.5", "-1", "1e1", "0"), ("-1", "0", "2.5", "1e1")),
        # What is no number stands behind those that are.
        (("nan", "b", "10", "9", "inf", "a"), ("9", "10", "a", "b", "inf", "nan")),
        (("1.0", "1", "01"), ("01", "1", "1.0")),
        (("差评", "好评", "Z", "a"), ("Z", "a", "好评", "差评")),
    ],
)
def test_labels_are_ordered_as_numbers_or_as_text(tmp_path, given, expected):
    rows = [("a", label) for label in given]
    assert prepare(tmp_path / "records", rows).labels == tuple(expected)


def test_labels_that_a_source_orders_keep_its_order(tmp_path):
    source = source_of(ROWS, labels=("pos", "unused", "neg"))
    manifest = prepare(tmp_path / "records", source)
    assert manifest.labels == ("pos", "neg")
    assert list(manifest.splits["train"].label_counts.items()) == [
        ("pos", 2),
        ("neg", 1),
    ]


def test_progress_counts_to_the_splits_size(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "_PIECE_SIZE", 1000)
    told = []
    prepare_records(
        source_of(rows_of_lengths([5] * 2100), test=ROWS),
        PrepareSettings(),
        tokenizer(),
        tmp_path / "records",
        Classify(),
        progress=lambda *now: told.append(now),
    )
    assert told == [
        (split, done, 2100)
        for split in ("train", "validation")
        for done in (1000, 2000, 2100)
    ] + [("test", 3, 3)]
