"""From texts to records: the right counts and labels, or one line and no trace."""

import csv
import os
import pathlib
import shutil
import subprocess
import sys
import tracemalloc

import pytest
import tiny_command
import tiny_records
from refusal import refusal_of
from tiny_records import prepare, rows_of_lengths, source_of, tokenizer

from bert_cpu.data.manifest import load_manifest
from bert_cpu.data.pieces import plan
from bert_cpu.data.pipeline import shard_paths, stored_examples
from bert_cpu.data.prepare import prepare_records
from bert_cpu.data.sources.source import Source
from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.classify import Classify

FORMATS = ("tfrecord", "hdf5")
ROWS = [("a good film", "pos"), ("bad", "neg"), ("love, love!", "pos")]


def refused(directory, source, **settings):
    message = refusal_of(prepare, directory / "records", source, **settings)
    assert list(directory.iterdir()) == []
    return message


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


class Broken(Exception):
    pass


def breaking(times):
    """A reader that gives rows, and breaks when it is read for the nth time."""
    reads = iter(range(1, 100))

    def read():
        is_last = next(reads) == times
        yield from tiny_records.examples_of(ROWS)
        if is_last:
            raise Broken

    return read


@pytest.mark.parametrize("record_format", FORMATS)
# While counting, and while writing.
@pytest.mark.parametrize("times", [1, 2])
def test_what_breaks_leaves_the_old_records_and_nothing_else(
    tmp_path, record_format, times
):
    directory = tmp_path / "records"
    before = prepare(directory, ROWS, record_format=record_format)
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    readers = source_of(ROWS).splits | {"validation": breaking(times)}
    with pytest.raises(Broken):
        prepare(directory, Source("new", readers), record_format=record_format)
    assert os.listdir(tmp_path) == ["records"]
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == files
    assert load_manifest(directory) == before


@pytest.mark.parametrize("record_format", FORMATS)
def test_new_records_replace_the_old_ones_whole(tmp_path, record_format):
    directory = tmp_path / "records"
    prepare(directory, ROWS, shard_size=1)
    # What a crash of the machine may have left.
    (tmp_path / ".records.partial").mkdir()
    (tmp_path / ".records.partial" / "half").write_text("half")
    after = prepare(directory, ROWS[:2], record_format=record_format)
    assert os.listdir(tmp_path) == ["records"]
    assert load_manifest(directory) == after
    names = {name for split in after.splits.values() for name in split.shards}
    assert set(os.listdir(directory)) == names | {"manifest.json"}


def test_preparing_twice_gives_the_same_bytes(tmp_path):
    rows = rows_of_lengths([5 + number % 9 for number in range(200)])
    one, two = (
        prepare(tmp_path / name, rows, shard_size=50) for name in ("one", "two")
    )
    assert one.splits == two.splits
    assert one.fingerprint == two.fingerprint


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


# A private disk of 200 kB, which is gone with the process. 3 × 600 texts of 120
# tokens need more, and so do the empty chunks of HDF5.
_ON_A_SMALL_DISK = """
import os, pathlib, sys
import tiny_records
from bert_cpu.data.manifest import load_manifest
from bert_cpu.errors import UserError

disk = pathlib.Path(sys.argv[1])
old = tiny_records.prepare(disk / "records", [("a", "x"), ("b", "y")])
rows = tiny_records.rows_of_lengths([120] * 600)
for record_format in ("tfrecord", "hdf5"):
    try:
        tiny_records.prepare(disk / "records", rows, record_format=record_format)
    except UserError as error:
        print(error)
    assert os.listdir(disk) == ["records"], os.listdir(disk)
    assert load_manifest(disk / "records") == old
"""


def test_a_full_disk_is_one_line_and_keeps_the_old_records(tmp_path):
    mounted = [
        *("unshare", "--map-root-user", "--mount", "sh", "-c"),
        'mount -t tmpfs -o size=200k none "$1" && exec "$2" -c "$3" "$1"',
        *("sh", str(tmp_path)),
    ]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*mounted, "true", ""], capture_output=True).returncode
    ):
        pytest.skip("no file system can be mounted here")
    tests = str(pathlib.Path(__file__).parent)
    path = os.pathsep.join([tests, str(pathlib.Path(tests).parent)])
    done = subprocess.run(
        [*mounted, sys.executable, _ON_A_SMALL_DISK],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # Whatever the form, pieces are written first.
    path = tmp_path / ".records.pieces" / "train-0000000.tfrecord"
    ending = " MB are free). Make room, then run the command again."
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith(f"The disk is full: '{path}' could not be written (")
        assert line.endswith(ending)


def numbered(count):
    for number in range(count):
        text = f"text {number} of very many, and all of them are good films"
        yield Example(text, None, "xyz"[number % 3], f"row {number}")


@pytest.mark.slow
@pytest.mark.parametrize("record_format", FORMATS)
def test_texts_are_never_held(tmp_path, record_format):
    """Ten times as many texts, and no more of Python's memory."""

    def peak(count):
        readers = {
            "train": lambda: numbered(count),
            "validation": lambda: numbered(10),
            "test": lambda: numbered(10),
        }
        tracemalloc.start()
        manifest = prepare(
            tmp_path / str(count),
            Source("many", readers),
            record_format=record_format,
        )
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert manifest.splits["train"].examples == count
        return size

    peak(100)  # Imports, and what is made once.
    # The texts alone are over 18 MB more, and each has a word of its own: of these
    # 80,000 are remembered.
    assert peak(300_000) < peak(100_000) + 4e6


_PREPARE = """
import resource, sys
from bert_cpu.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(code)
"""


@pytest.mark.slow
def test_two_million_rows_stream_through_the_command(tmp_path):
    """100 times as many rows take less than 150 MB more."""
    tiny_command.write_alphabet_encoder(tmp_path / "encoder")
    project = pathlib.Path(__file__).parent.parent

    def peak_mb(count):
        path = tmp_path / f"{count}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows([f"film {n}, good", "xyz"[n % 3]] for n in range(count))
        output = tmp_path / f"records-{count}"
        done = subprocess.run(
            [
                *(sys.executable, "-c", _PREPARE, "prepare", "--data", str(path)),
                *("--encoder", str(tmp_path / "encoder"), "--output", str(output)),
                *("--max-length", "64"),
            ],
            env=os.environ | {"PYTHONPATH": str(project)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        manifest = load_manifest(output)
        assert sum(split.examples for split in manifest.splits.values()) == count
        shutil.rmtree(output)
        path.unlink()
        return int(done.stdout.split()[-1]) * 1024 / 1e6

    few, many = peak_mb(20_000), peak_mb(2_000_000)
    print(f"20,000 rows: {few:.0f} MB; 2,000,000 rows: {many:.0f} MB")
    assert many < few + 150
