"""Training and evaluation go on without damaged records, and say which those were."""

import collections
import dataclasses
import json
import math
import subprocess

import numpy as np
import pytest
import tensorflow as tf
import tiny_pretraining
import tiny_run
from tiny_command import bert_cpu
from tiny_records import ReadAll, prepare, rows_of_lengths

from bert_cpu.commands import train as train_command
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
from bert_cpu.errors import UserError
from bert_cpu.tasks.classify import Classify
from bert_cpu.training.cluster.damage_facts import damage_facts
from bert_cpu.training.records import open_records

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


def damage(path, edit):
    content = bytearray(path.read_bytes())
    edit(content)
    path.write_bytes(content)


def flip(path, offset):
    damage(path, lambda content: content.__setitem__(offset, content[offset] ^ 0x10))


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


def refusal_of(function, *arguments):
    with pytest.raises(UserError) as refusal:
        function(*arguments)
    message = str(refusal.value)
    assert "\n" not in message
    return message


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
    damage(path, lambda content: content.__delitem__(slice(end, None)))
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
    damage(path, lambda content: content.__delitem__(slice(whole[cut][0], None)))
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
    damage(path, lambda content: content.__delitem__(slice(-30, None)))
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


@pytest.fixture(scope="module")
def damaged_run(tmp_path_factory):
    """A run on prepared records of which training has lost two and test one."""
    directory = tmp_path_factory.mktemp("damaged")
    settings = tiny_run.tiny_settings(directory)
    records = tiny_run.prepare(settings, directory / "records")
    (train,), (test,) = (shard_paths(records, split) for split in ("train", "test"))
    flip(train, 2)
    flip(train, read_first(train, 40))
    flip(test, -3)
    settings = dataclasses.replace(
        settings,
        data=str(records.directory),
        validation=None,
        test=None,
        skip_damaged=True,
        epochs=1,
    )
    return settings, records, tiny_run.run(settings)


def read_first(path, number):
    """A byte of the data of a record, by lengths alone."""
    content, offset = path.read_bytes(), 0
    for place in range(number):
        length = int.from_bytes(content[offset : offset + 8], "little")
        # The first one's is damaged; this is what it was.
        length ^= 0x100000 if place == 0 else 0
        offset += 16 + length
    return offset + 20


def test_a_run_counts_what_it_leaves_out(damaged_run):
    settings, records, metrics = damaged_run
    assert metrics["data"]["left_out"] == {"places": 3, "records": 3, "examples": 3}
    assert metrics["train"]["examples"] == 68
    written = json.loads((settings.run_dir / "metrics.json").read_text())
    assert written["data"]["left_out"] == metrics["data"]["left_out"]
    assert len(list((settings.run_dir / "mended" / "quarantine").iterdir())) == 3


def test_evaluation_reads_what_the_run_did(damaged_run):
    settings, _, metrics = damaged_run
    where = ("--name", settings.name, "--runs-dir", settings.runs_dir)
    outcome = bert_cpu("evaluate", *where, "--json")
    assert outcome.code == 0, outcome.err
    measured = json.loads(outcome.out)
    assert measured["accuracy"] == metrics["test"]["accuracy"]
    assert np.sum(measured["confusion_matrix"]) == 19
    assert measured["left_out"] == {"places": 3, "records": 3, "examples": 3}
    assert outcome.err.startswith("Left out 3 records, 3 examples, because of 3 ")


def test_evaluation_leaves_damaged_records_out(damaged_run, tmp_path):
    """The mended set is damaged once more, behind the run."""
    settings, _, _ = damaged_run
    path = settings.run_dir / "mended" / "test-00000-of-00001.tfrecord"
    whole = path.read_bytes()
    flip(path, 20)
    where = ("--name", settings.name, "--runs-dir", settings.runs_dir)
    assert bert_cpu("evaluate", *where).mistake.startswith(
        f"'{path}' is damaged: the record at byte 0 has a wrong data CRC. "
    )
    outcome = bert_cpu("evaluate", *where, "--json", "--skip-damaged")
    assert outcome.code == 0, outcome.err
    assert np.sum(json.loads(outcome.out)["confusion_matrix"]) == 18
    path.write_bytes(whole)


def test_a_run_goes_on_with_the_records_that_it_began_with(damaged_run):
    settings, _, _ = damaged_run
    again = dataclasses.replace(settings, epochs=2, resume=True)
    metrics = tiny_run.run(again)
    assert metrics["train"]["examples"] == 2 * 68


def test_without_the_setting_a_damaged_record_stops_the_run(damaged_run):
    settings, records, _ = damaged_run
    strict = dataclasses.replace(settings, name="strict", skip_damaged=False)
    said = refusal_of(train_command.run, strict)
    (path,) = shard_paths(records, "train")
    assert said == (
        f"'{path}' is damaged: the record at byte 0 has a wrong length CRC. Prepare "
        "the data again. Or leave damaged records out by --skip-damaged."
    )
    assert not strict.run_dir.exists()


def test_a_worker_that_does_not_see_the_mended_records_says_so(damaged_run, tmp_path):
    settings, _, _ = damaged_run
    elsewhere = dataclasses.replace(settings, runs_dir=str(tmp_path))
    checkpoint = train_command.open_checkpoint(settings.encoder)
    screen = train_command.Screen(quiet=True)
    said = refusal_of(
        open_records,
        elsewhere,
        Classify(),
        elsewhere.run_dir / "records",
        checkpoint,
        screen,
        elsewhere.mended_dir,
        False,
    )
    assert said == (
        f"'{elsewhere.mended_dir}' is not there, in which the first worker left out "
        "what is damaged. Give all workers one --runs-dir."
    )
    assert not elsewhere.run_dir.exists()


@pytest.mark.slow
def test_two_workers_train_without_damaged_records(damaged_run):
    settings, _, one = damaged_run
    two = dataclasses.replace(settings, name="two", workers=2)
    done = subprocess.run(
        tiny_run.command(two),
        cwd=settings.run_dir.parent,
        env=tiny_run.environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((two.run_dir / "metrics.json").read_text())
    assert metrics["data"]["left_out"] == one["data"]["left_out"]
    assert metrics["train"]["examples"] == 68
