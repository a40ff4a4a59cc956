"""Damaged records are left out and kept aside; what is no damage is refused."""

import collections
import dataclasses
import json
import math
import os

import numpy as np
import pytest
import tensorflow as tf
import tiny_pretraining
from damaging import flip
from refusal import refusal_of
from tiny_records import ReadAll, prepare, rows_of_lengths

from bert_cpu.data.damage.left_out import LeftOut, read_left_out
from bert_cpu.data.manifest import load_manifest
from bert_cpu.data.mend_records import mend_records
from bert_cpu.data.pipeline import (
    shard_paths,
    stored_examples,
    training_batches,
)
from bert_cpu.data.pretraining.batches import held_out_batches
from bert_cpu.data.pretraining.manifest import load_pretraining_manifest
from bert_cpu.data.pretraining.mend_pretraining import mend_pretraining
from bert_cpu.tasks.classify import Classify
from bert_cpu.training.cluster.damage_facts import damage_facts

ROWS = rows_of_lengths([5 + number % 9 for number in range(60)])


LABELS = Classify().label_names


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """60 texts a split in two shards or three, a record each."""
    directory = tmp_path_factory.mktemp("mend") / "records"
    return prepare(directory, ROWS, max_length=16, shard_size=25)


@pytest.fixture(scope="module")
def windowed(tmp_path_factory):
    """40 texts a split of one to six windows, in one shard."""
    rows = [(text, None) for text, _ in rows_of_lengths(range(5, 45))]
    directory = tmp_path_factory.mktemp("mend") / "windowed"
    return prepare(directory, rows, task=ReadAll(), max_length=12, stride=2)


def copy_of(manifest, directory):
    directory.mkdir()
    for path in manifest.directory.iterdir():
        (directory / path.name).write_bytes(path.read_bytes())
    return dataclasses.replace(manifest, directory=directory)


@pytest.fixture
def records(original, tmp_path):
    return copy_of(original, tmp_path / "records")


def read(path):
    """Offset, bytes, text and length of each record, by TensorFlow and longhand."""
    found, offset = [], 0
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        feature = tf.train.Example.FromString(record).features.feature
        line = feature["example"].bytes_list.value[0].decode()
        text = json.loads(line)["text"] if line else ""
        size = 16 + len(record)
        found.append((offset, size, text, len(feature["input_ids"].int64_list.value)))
        offset += size
    return found


def expect_counts(info, directory):
    """Compares what a manifest says of a split with what TensorFlow reads of it."""
    found = {name: read(directory / name) for name in sorted(info.shards)}
    windows = [record for records in found.values() for record in records]
    assert info.shard_windows == {name: len(each) for name, each in found.items()}
    assert info.windows == len(windows)
    assert info.examples == sum(text != "" for _, _, text, _ in windows)
    assert info.tokens == sum(length for *_, length in windows)
    lengths = collections.Counter(length for *_, length in windows)
    assert info.length_histogram == lengths
    return [text for _, _, text, _ in windows if text]


def test_whole_records_stay_where_they_are(records, tmp_path):
    assert mend_records(records, tmp_path / "mended", LABELS) is records
    assert not (tmp_path / "mended").exists()
    assert read_left_out(records.directory) == LeftOut()


# In the length, its CRC, the data, the data's CRC.
@pytest.mark.parametrize("within", [1, 9, 30, -2])
def test_a_damaged_record_is_left_out_and_kept_aside(records, tmp_path, within):
    path = shard_paths(records, "train")[1]
    whole = read(path)
    offset, size, lost, _ = whole[4]
    flip(path, offset + within % size)
    before = path.read_bytes()
    mended = mend_records(records, tmp_path / "mended", LABELS)

    assert load_manifest(mended.directory) == mended
    texts = expect_counts(mended.splits["train"], mended.directory)
    assert sorted(texts) == sorted(text for text, _ in ROWS if text != lost)
    labels = collections.Counter(label for text, label in ROWS if text != lost)
    assert mended.splits["train"].label_counts == labels
    assert mended.splits["test"] == records.splits["test"]
    # The same records, in the same order, but for the one.
    kept = before[:offset] + before[offset + size :]
    assert (mended.directory / path.name).read_bytes() == kept
    assert path.read_bytes() == before

    assert read_left_out(mended.directory) == LeftOut(1, 1, 1)
    noted = json.loads((mended.directory / "left_out.json").read_text())
    (place,) = noted["damage"]
    quarantined = mended.directory / place.pop("kept_as")
    assert quarantined.read_bytes() == before[offset : offset + size]
    part = "length" if 0 <= within < 12 else "data"
    assert place == {
        "file": path.name,
        "offset": offset,
        "size": size,
        "why": f"has a wrong {part} CRC",
    }
    assert noted["source"] == str(records.directory)


def test_all_that_reads_records_reads_mended_ones(records, tmp_path):
    path = shard_paths(records, "train")[0]
    whole = read(path)
    flip(path, whole[0][0] + 20)
    flip(path, whole[7][0] + 2)
    mended = mend_records(records, tmp_path / "mended", LABELS)
    kept = {text for text, _ in ROWS} - {whole[0][2], whole[7][2]}
    found = [stored.example.text for stored in stored_examples(mended, "train")]
    assert set(found) == kept
    assert len(found) == 58
    batches = list(training_batches(mended, 8, seed=0, epoch=0))
    assert len(batches) == math.ceil(58 / 8)
    indices = np.concatenate([batch["index"].numpy() for batch in batches])
    assert sorted(indices) == list(range(58))


@pytest.mark.parametrize("num_workers", [2, 3])
def test_every_worker_runs_as_many_steps(records, tmp_path, num_workers):
    for path in shard_paths(records, "train"):
        flip(path, 40)
    mended = mend_records(records, tmp_path / "mended", LABELS)
    seen = [
        [
            batch["index"].numpy()[batch["weight"].numpy() > 0]
            for batch in training_batches(
                mended, 12, 0, 0, worker=worker, num_workers=num_workers
            )
        ]
        for worker in range(num_workers)
    ]
    num_left = mended.splits["train"].windows
    assert num_left == 60 - len(records.splits["train"].shards)
    assert {len(batches) for batches in seen} == {math.ceil(num_left / 12)}
    indices = np.concatenate([np.concatenate(batches) for batches in seen])
    assert sorted(indices) == list(range(num_left))


def test_a_text_that_may_have_lost_a_window_is_left_out_whole(windowed, tmp_path):
    """The damaged one is the middle window of a text: nothing of the text is left.

    The text before a damaged first window may have gone on in it, so it goes too.
    """
    for number, name in enumerate(["middle", "first", "last"]):
        records = copy_of(windowed, tmp_path / f"records{number}")
        (path,) = shard_paths(records, "train")
        whole = read(path)
        begins = [place for place, (*_, text, _) in enumerate(whole) if text]
        # A text of three windows or more, between two others.
        first, behind = next(
            (a, b) for a, b in zip(begins[2:], begins[3:], strict=False) if b - a >= 3
        )
        before = begins[begins.index(first) - 1]
        place = {"middle": first + 1, "first": first, "last": behind - 1}[name]
        flip(path, whole[place][0] + 30)
        mended = mend_records(records, tmp_path / f"mended{number}", LABELS)
        texts = expect_counts(mended.splits["train"], mended.directory)
        gone = {whole[first][2]} | ({whole[before][2]} if name == "first" else set())
        assert texts == [text for *_, text, _ in whole if text and text not in gone]
        num_records = behind - (before if name == "first" else first)
        left_out = read_left_out(mended.directory)
        assert left_out == LeftOut(1, num_records, len(gone))
        # None of the windows that stay is taken for another text's.
        for stored in stored_examples(mended, "train"):
            (start,) = [p for p in begins if whole[p][2] == stored.example.text]
            end = ([*begins, len(whole)])[begins.index(start) + 1]
            assert stored.num_windows == end - start


@pytest.mark.parametrize("num_left", [0, 3])
def test_a_shard_that_ends_between_two_records_lost_the_others(
    records, tmp_path, num_left
):
    path = shard_paths(records, "test")[0]
    whole = read(path)
    end = whole[num_left][0]
    os.truncate(path, end)
    mended = mend_records(records, tmp_path / "mended", LABELS)
    gone = {text for *_, text, _ in whole[num_left:]}
    texts = expect_counts(mended.splits["test"], mended.directory)
    assert sorted(texts) == sorted(text for text, _ in ROWS if text not in gone)
    lost = len(whole) - num_left
    assert read_left_out(mended.directory) == LeftOut(1, lost, lost)
    noted = json.loads((mended.directory / "left_out.json").read_text())["damage"]
    assert noted[0]["offset"] == end
    assert noted[0]["size"] == 0
    assert noted[0]["why"] == "is missing: the file ends there"


def test_a_text_whose_last_windows_are_cut_off_is_left_out(windowed, tmp_path):
    records = copy_of(windowed, tmp_path / "records")
    (path,) = shard_paths(records, "train")
    whole = read(path)
    begins = [place for place, (*_, text, _) in enumerate(whole) if text]
    cut = next(b for a, b in zip(begins, begins[1:], strict=False) if b - a >= 2) - 1
    os.truncate(path, whole[cut][0])
    mended = mend_records(records, tmp_path / "mended", LABELS)
    texts = expect_counts(mended.splits["train"], mended.directory)
    assert texts == [text for *_, text, _ in whole[: cut - 1] if text]


def test_a_shard_that_somebody_changed_is_no_damage(records, tmp_path):
    path = shard_paths(records, "train")[0]
    content = path.read_bytes()
    end = read(path)[1][0]
    path.write_bytes(content + content[:end])
    said = refusal_of(mend_records, records, tmp_path / "mended", LABELS)
    assert said == (
        f"'{path}' has {len(content) + end:,} bytes, but {len(content):,} were "
        "written. Prepare the data again."
    )


def test_a_damaged_shard_with_more_records_than_were_written_is_refused(
    records, tmp_path
):
    path = shard_paths(records, "train")[0]
    content = path.read_bytes()
    first, second, third, *_ = (offset for offset, *_ in read(path))
    path.write_bytes(content + content[first:third] + content[second:third])
    flip(path, second + 20)
    said = refusal_of(mend_records, records, tmp_path / "mended", LABELS)
    assert said == (
        f"The train split of '{records.directory}' has 62 records, but 60 were "
        "written: it was changed since. Prepare the data again."
    )
    assert not (tmp_path / "mended").exists()


def test_a_missing_shard_is_no_damaged_record(records, tmp_path):
    path = shard_paths(records, "train")[0]
    path.unlink()
    said = refusal_of(mend_records, records, tmp_path / "mended", LABELS)
    assert said == f"'{path}' is missing. Prepare the data again."


def test_a_split_without_a_whole_record_is_refused(records, tmp_path):
    for path in shard_paths(records, "validation"):
        path.write_bytes(b"nothing of it is left")
    said = refusal_of(mend_records, records, tmp_path / "mended", LABELS)
    assert said == (
        f"Nothing is whole in the validation split of '{records.directory}': all of "
        "its 60 examples are damaged. Prepare the data again."
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["records"]


def test_a_label_without_a_whole_example_is_refused(tmp_path):
    rows = [*ROWS, ("one more", "odd")]
    records = prepare(tmp_path / "records", rows, max_length=16)
    (path,) = shard_paths(records, "train")
    (offset,) = (each[0] for each in read(path) if each[2] == "one more")
    flip(path, offset + 20)
    said = refusal_of(mend_records, records, tmp_path / "mended", LABELS)
    assert said == (
        f"In the train split of '{records.directory}' all examples with the label "
        "'odd' are damaged. Prepare the data again."
    )


def test_an_hdf5_file_has_no_records_to_leave_out(tmp_path):
    records = prepare(tmp_path / "records", ROWS, record_format="hdf5", max_length=16)
    flip(records.directory / "train.h5", 3000)
    said = refusal_of(mend_records, records, tmp_path / "mended", LABELS)
    assert said.endswith("it was changed since. Prepare the data again.")


def test_a_mended_set_is_whole_or_not_there(records, tmp_path, monkeypatch):
    flip(shard_paths(records, "train")[0], 20)

    def fail(manifest):
        raise OSError("the machine is on fire")

    monkeypatch.setattr("bert_cpu.data.mend_records.save_manifest", fail)
    with pytest.raises(OSError, match="on fire"):
        mend_records(records, tmp_path / "mended", LABELS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["records"]


def test_workers_that_see_other_damage_are_told_apart(records, tmp_path):
    def facts():
        info = records.splits["train"]
        return damage_facts(records.directory, info.shards)["the damaged records"]

    path = shard_paths(records, "train")[0]
    whole = facts()
    flip(path, 20)
    one = facts()
    flip(path, read(shard_paths(records, "train")[1])[0][1] + 2)
    assert len({whole, one, facts()}) == 3


def test_pretraining_goes_on_without_damaged_records(tmp_path):
    manifest = tiny_pretraining.prepare(tmp_path / "texts", (32,))
    path = manifest.directory / "train-32-00000.tfrecord"
    whole = tiny_pretraining.read_as_the_original([path], 32, 5)
    size = path.stat().st_size // len(whole)
    flip(path, 3 * size + 50)
    os.truncate(path, path.stat().st_size - 30)
    mended = mend_pretraining(manifest, tmp_path / "mended")
    assert load_pretraining_manifest(tmp_path / "mended") == mended
    kept = [*whole[:3], *whole[4:-1]]
    found = tiny_pretraining.read_as_the_original([mended.directory / path.name], 32, 5)
    for actual, expected in zip(found, kept, strict=True):
        assert actual.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(actual[name], values)
    info = mended.shards[0]
    assert info.examples == len(kept)
    assert info.tokens == sum(int(record["input_mask"].sum()) for record in kept)
    assert info.hidden == sum(record["masked_lm_weights"].sum() for record in kept)
    assert info.random_next == sum(int(r["next_sentence_labels"][0]) for r in kept)
    assert mended.shards[1] == manifest.shards[1]
    assert read_left_out(mended.directory) == LeftOut(2, 2, 2)
    shards = mended.open_shards("validation", 32)
    assert len(list(held_out_batches(shards, 4))) == math.ceil(shards.examples / 4)
