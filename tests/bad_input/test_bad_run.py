"""Runs that are there or not there, and one that cannot go on."""

import os
import pathlib
import shutil

import pytest
from damaging import edit_json
from files_typed import files_of, write_rows
from tiny_command import bert_cpu


def test_a_run_that_exists_stays(train, run_copy):
    before = files_of(run_copy)
    assert train(write_rows("a.csv")).mistake == (
        "'runs/run' exists. Go on with it by --resume, replace it by --overwrite, or "
        "choose another --name."
    )
    assert files_of(run_copy) == before


@pytest.mark.parametrize("data", ["no.csv", "broken.csv", "huge"])
def test_a_run_stays_when_what_would_replace_it_cannot_start(
    train, run_copy, encoder, data
):
    before = files_of(run_copy)
    pathlib.Path("broken.csv").write_text('text,label\nok,pos\n"never closed,neg\n')
    if data == "huge":
        shutil.copytree(encoder, "huge")
        edit_json(pathlib.Path("huge/config.json"), intermediate_size=1_000_000_000)
        outcome = train(write_rows("a.csv"), "--overwrite", "--encoder", "huge")
    else:
        outcome = train(data, "--overwrite")
    assert outcome.mistake
    assert files_of(run_copy) == before
    assert [path.name for path in run_copy.parent.iterdir()] == ["run"]


def test_a_directory_that_is_no_run_is_not_overwritten(train):
    os.makedirs("runs/run")
    pathlib.Path("runs/run/diary.txt").write_text("dear")
    assert train(write_rows("a.csv"), "--overwrite").mistake == (
        "'runs/run' is not a run (it has no config.json), so --overwrite does not "
        "delete it. Choose another --name."
    )
    assert pathlib.Path("runs/run/diary.txt").read_text() == "dear"


def test_nothing_to_resume(train):
    assert train(write_rows("a.csv"), "--resume").mistake == (
        "There is no run 'runs/run'. Train one with `bert-cpu train --name run`."
    )


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_a_run_that_is_not_there(run_copy, command):
    assert bert_cpu(command, "--name", "mine").mistake == (
        "There is no run 'runs/mine'. There are: run. Train one with `bert-cpu train "
        "--name mine`."
    )


def test_a_place_that_cannot_hold_runs(train):
    pathlib.Path("file").touch()
    for runs_dir in ("file", "/dev/null"):
        said = train(write_rows("a.csv"), "--runs-dir", runs_dir).mistake
        assert said.startswith(f"'{runs_dir}")


def test_a_loss_that_is_not_a_number_keeps_the_last_good_state(train):
    rows = write_rows("a.csv")
    batches = ("--batch-size", 16)
    outcome = train(rows, *batches, "--learning-rate", "1e30")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1] == (
        "bert-cpu: The loss became nan at step 2 (epoch 1). The last checkpoint is "
        "kept in 'runs/run/checkpoints'. Go on from it with --resume and a lower "
        "--learning-rate than 1e+30."
    )
    assert outcome.err.count("bert-cpu: ") == 1
    assert "Traceback" not in outcome.err
    # And what it advises is possible.
    assert train(rows, *batches, "--resume", "--learning-rate", "1e-4").code == 0
