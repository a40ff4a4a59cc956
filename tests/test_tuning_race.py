"""The race of sweeps: how it is run, counted and kept, and what it refuses."""

import dataclasses
import json
import os
import sys

import pytest

from bench.tuning import measure, run_side
from bench.tuning.count_trials import count_same_draws, count_trials
from bench.tuning.read_trials import read_trials
from bench.tuning.trial import Trial

VALUES = {"learning_rate": 1e-4, "batch_size": 16}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def ours_trial(directory, number, scores, **changes):
    record = {
        "id": number,
        "status": "completed",
        "values": VALUES,
        "scores": scores,
        "continues": None,
        "times": {"started": 1000.0, "seconds": 60.0},
        **changes,
    }
    write(directory / "trials" / number / "trial.json", record)


@pytest.fixture
def stored(tmp_path):
    """A sweep of ours by longhand, with a budget of 300 s."""
    ours = tmp_path / "race"
    ours_trial(ours, "0000", [0.80])
    ours_trial(ours, "0001", [0.70], times={"started": 1060.0, "seconds": 50.0})
    ours_trial(
        *(ours, "0002", [0.80, 0.83, 0.82]),
        continues="somewhere/trials/0000",
        times={"started": 1110.0, "seconds": 110.0},
    )
    ours_trial(
        *(ours, "0003", []),
        status="failed",
        times={"started": 1220.0, "seconds": 10.0},
    )
    # Two of its three epochs were done when the budget ended; then it saved.
    ours_trial(
        *(ours, "0004", [0.60, 0.90]),
        status="stopped",
        times={"started": 1230.0, "seconds": 72.0},
    )
    # Finished behind the budget: no trial of it.
    ours_trial(ours, "0005", [0.99], times={"started": 1290.0, "seconds": 20.0})
    return ours


def test_trials_are_counted_as_by_hand(stored):
    trials = read_trials(stored)
    assert trials[2] == Trial("0002", True, "0000", VALUES, (0.83, 0.82), 220.0)
    assert count_trials(trials, num_examples=70, budget_seconds=300.0) == {
        "trials": 3,
        "epochs": 6,
        "examples": 420,
        "epoch_seconds": 50.0,
        "best_accuracy": 0.90,
    }
    # The budget of 215 s ended before the third, of which nothing was finished.
    assert count_trials(trials, 70, 215.0)["trials"] == 2


def test_a_loop_s_trials_are_counted_by_the_same_rule(tmp_path):
    for number, is_finished, scores, seconds in [
        ("0000", True, [0.5], 100.0),
        ("0001", False, [0.6, 0.7], 301.0),
    ]:
        trial = Trial(number, is_finished, None, VALUES, scores, seconds)
        write(tmp_path / "trials" / f"{number}.json", dataclasses.asdict(trial))
    counts = count_trials(read_trials(tmp_path), 10, 300.0)
    assert (counts["trials"], counts["epochs"], counts["examples"]) == (1, 3, 30)
    assert counts["best_accuracy"] == 0.7


def test_without_a_trial_there_is_nothing_to_divide(tmp_path):
    assert count_trials(read_trials(tmp_path), 10, 60.0) == {
        "trials": 0,
        "epochs": 0,
        "examples": 0,
        "epoch_seconds": None,
        "best_accuracy": None,
    }


def test_the_same_draws_are_counted_until_the_first_that_differs():
    def trials(*rates, continues=None):
        return [Trial("0", True, continues, {"r": rate}, (), 0.0) for rate in rates]

    # Which trial goes on depends on its score, and is no draw.
    ours = [*trials(1, 2), *trials(2, continues="1"), *trials(3, 4)]
    assert count_same_draws(ours, trials(1, 2, 3, 4, 5)) == (4, 4)
    assert count_same_draws(ours, trials(1, 9, 3)) == (1, 3)
    assert count_same_draws(ours, []) == (0, 0)


@pytest.fixture
def race(tmp_path, monkeypatch, stored):
    """Runs the race on stored trials; gives the words, and what it wrote."""
    for name in ("train", "validation", "test"):
        (tmp_path / f"{name}.jsonl").write_text('{"text": "a", "label": "b"}\n' * 70)
    asked = []

    def pretend(side, given, pythons, cores, work):
        asked.append((side, given["budget_seconds"]))
        if side == "ours":
            return stored
        trial = Trial("0000", True, None, VALUES, (0.85,), 250.0)
        write(work / "trials" / "0000.json", dataclasses.asdict(trial))
        return work

    monkeypatch.setattr(measure, "run_side", pretend)
    monkeypatch.setattr(measure, "read_versions", lambda _: {"ours": {}, "peers": {}})
    output = tmp_path / "tune.json"
    words = [
        *("--budget", "5m", "--splits", str(tmp_path), "--encoder", str(tmp_path)),
        *("--peers", sys.executable, "--work", str(tmp_path / "work")),
        *("--output", str(output)),
    ]
    return words, output, asked


def test_the_race_writes_both_sides_and_goes_on_with_one(race, monkeypatch):
    words, output, asked = race

    def fail(*_):
        raise run_side.SideFailed("theirs ended with exit code 1")

    pretend = measure.run_side
    monkeypatch.setattr(
        measure, "run_side", lambda s, *a: pretend(s, *a) if s == "ours" else fail()
    )
    assert measure.main(words) == 1
    assert list(json.loads(output.read_text())["sides"]) == ["ours"]
    monkeypatch.setattr(measure, "run_side", pretend)
    assert measure.main([*words, "--resume"]) == 0
    assert asked == [("ours", 300.0), ("theirs", 300.0)]
    sides = json.loads(output.read_text())["sides"]
    assert (sides["ours"]["trials"], sides["theirs"]["trials"]) == (3, 1)
    assert sides["theirs"]["examples"] == 70
    assert len(sides["ours"]["each"]) == 6
    with pytest.raises(SystemExit, match="is of other settings: leave --resume out"):
        measure.main([*words, "--resume", "--budget", "6m"])


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            ["--budget", "soon"],
            "--budget is 'soon', but must be a time over 0, such as",
        ),
        (["--budget", "0m"], "--budget is '0m', but must be a time over 0"),
        (["--seed", "-1"], "--seed is -1, but must be 0 or more"),
        (["--max-length", "2"], "--max-length is 2, but must be 3 or more"),
        (["--encoder", "nowhere"], "there is no directory 'nowhere'"),
        (["--peers", "nowhere"], "there is no nowhere: run `make bench-tune`, which"),
    ],
)
def test_a_mistake_is_said_before_anything_runs(race, changes, message, capsys):
    words, output, asked = race
    with pytest.raises(SystemExit) as leaving:
        measure.main([*words, *changes])
    assert leaving.value.code == 2
    assert message in capsys.readouterr().err
    assert (asked, output.exists()) == ([], False)


def test_texts_of_one_s_own_need_an_encoder(tmp_path, capsys):
    with pytest.raises(SystemExit) as leaving:
        measure.main(["--splits", str(tmp_path), "--peers", sys.executable])
    assert leaving.value.code == 2
    assert "got one of --splits and --encoder: give both" in capsys.readouterr().err


def interpreter(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


GIVEN = {
    **{name: f"{name}.jsonl" for name in ("train", "validation", "test")},
    "encoder": "encoder",
    "max_length": 128,
    "epochs": 3,
    "seed": 5,
    "dtype": "bfloat16",
    "budget_seconds": 90.0,
}


def test_each_side_is_told_the_same(tmp_path):
    python = interpreter(tmp_path / "python", 'printf "%s\\n" "$@"')
    pythons, cores = {"ours": python, "peers": python}, sorted(os.sched_getaffinity(0))
    where = [
        run_side.run_side(side, GIVEN, pythons, cores, tmp_path / "work")
        for side in run_side.SIDES
    ]
    work = tmp_path / "work"
    assert where == [work / "ours" / "race", work / "theirs"]
    words = (work / "ours.log").read_text().splitlines()
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert words[2] == "tune"
    assert options == {
        "--data": "train.jsonl",
        "--validation": "validation.jsonl",
        "--test": "test.jsonl",
        "--encoder": "encoder",
        "--max-length": "128",
        "--algorithm": "hyperband",
        "--epochs": "3",
        "--seed": "5",
        "--dtype": "bfloat16",
        "--budget": "90s",
        "--final-seeds": "0",
        "--sweeps-dir": str(work / "ours"),
        "--name": "race",
    }
    told = json.loads((work / "theirs.log").read_text().splitlines()[-1])
    assert told == GIVEN | {
        "dtype": "mixed_bfloat16",
        "directory": str(work / "theirs"),
    }


def test_a_side_that_comes_to_no_end_is_said(tmp_path, monkeypatch):
    cores = sorted(os.sched_getaffinity(0))
    monkeypatch.setattr(run_side, "GRACE_SECONDS", -89.5)
    for script, message in [
        ("exit 3", r"theirs ended with exit code 3: '.*theirs.log' says why"),
        ("sleep 600", r"theirs went on long after its budget: '.*theirs.log' says"),
    ]:
        pythons = {"peers": interpreter(tmp_path / "python", script)}
        with pytest.raises(run_side.SideFailed, match=message):
            run_side.run_side("theirs", GIVEN, pythons, cores, tmp_path / "work")
