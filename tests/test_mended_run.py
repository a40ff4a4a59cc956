"""Training and evaluation go on without damaged records, and say which those were."""

import dataclasses
import json
import subprocess

import numpy as np
import pytest
import tiny_run
from damaging import flip
from refusal import refusal_of
from tiny_command import bert_cpu

from bert_cpu.commands import train as train_command
from bert_cpu.data.pipeline import (
    shard_paths,
)
from bert_cpu.tasks.classify import Classify
from bert_cpu.training.records import open_records


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
