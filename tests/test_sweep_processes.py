"""Processes of a sweep: their cores, their failures, and the final runs."""

import os
import sys
import time
import types

import keras_tuner
import pytest
from keras_tuner.errors import FailedTrialError
from small_space import SPACE

from bert_cpu.errors import UserError
from bert_cpu.search.child import last_words, run_child
from bert_cpu.search.final_runs import final_runs
from bert_cpu.search.recipes import final_recipes
from bert_cpu.search.slots import run_slots
from bert_cpu.search.state import SweepState
from bert_cpu.search.sweep_tuner import SweepTuner
from bert_cpu.settings import TrainSettings
from bert_cpu.training.stop import StopRequest
from bert_cpu.tune_settings import TuneSettings

EVERY = set(os.sched_getaffinity(0))


def python(program):
    return [sys.executable, "-c", program]


def test_a_process_has_its_cores_and_its_words_are_kept(tmp_path):
    core = min(EVERY)
    program = (
        "import os, time; time.sleep(0.5)\n"
        "print(sorted(os.sched_getaffinity(0))); raise SystemExit(3)"
    )
    log = tmp_path / "log.txt"
    assert run_child(python(program), log, {core}, lambda: None) == (3, None)
    assert last_words(log) == f"[{core}]"


def test_a_process_is_stopped_for_a_reason(tmp_path):
    program = "import time; time.sleep(60)"
    begun = time.monotonic()
    found = run_child(python(program), tmp_path / "log", EVERY, lambda: "median")
    assert found == (-15, "median")
    assert time.monotonic() - begun < 30


def test_a_trial_that_failed_leaves_no_traceback_on_the_terminal(tmp_path, capfd):
    asked = []

    def run(trial_id, values, cores):
        asked.append(trial_id)
        raise FailedTrialError("The budget ended.")

    run.settings = types.SimpleNamespace(sweep_dir=tmp_path)
    run.state = SweepState(StopRequest(), None)
    space = keras_tuner.HyperParameters()
    space.Float("learning_rate", 1e-5, 1e-4)
    oracle = keras_tuner.oracles.RandomSearchOracle(
        objective=keras_tuner.Objective("accuracy", "max"),
        max_trials=2,
        hyperparameters=space,
    )
    SweepTuner(oracle, run, EVERY).search()
    assert len(asked) == 2
    printed = capfd.readouterr()
    assert "Traceback" not in printed.out + printed.err
    assert {trial.status for trial in oracle.trials.values()} == {"FAILED"}


def test_three_failures_in_a_row_end_a_sweep():
    state = SweepState(StopRequest(), None)
    for message in ("a", "b", None, "c", "d"):
        state.note(message)
    assert not state.is_over
    state.note("no memory")
    assert state.is_over
    assert str(state.failure) == (
        "3 trials failed one after the other, the last with: no memory"
    )


def test_what_one_slot_raises_stops_the_others():
    state = SweepState(StopRequest(), None)

    def fail():
        raise RuntimeError("broken")

    def wait():
        while not state.is_over:
            time.sleep(0.01)

    with pytest.raises(RuntimeError, match="broken"):
        run_slots([wait, fail], state)


def test_the_final_runs_are_the_best_and_the_default_on_the_same_seeds():
    settings = TuneSettings(name="mr", seed=4, final_seeds=2, epochs=5, max_length=64)
    runs = final_recipes(settings, SPACE, {"learning_rate": 3e-4, "batch_size": 8})
    assert {run.name: run.seed for run in runs.values()} == {
        "mr-best-4": 4,
        "mr-default-4": 4,
        "mr-best-5": 5,
        "mr-default-5": 5,
    }
    best, default = runs["best 5"], runs["default 5"]
    assert (best.learning_rate, best.batch_size, best.ema) == (3e-4, 8, 0.5)
    plain = TrainSettings()
    for name in ("learning_rate", "batch_size", "ema"):
        assert getattr(default, name) == getattr(plain, name)
    assert (default.epochs, default.max_length) == (5, 64)


# Stands in for training: its score is the learning rate.
TRAIN = """
import json, pathlib, sys
run_dir = pathlib.Path(sys.argv[1])
rate = json.loads((run_dir / "config.json").read_text())["learning_rate"]
assert (run_dir / "records" / "shard").read_text() == "records"
scores = {"accuracy": rate}
metrics = {"validation": scores, "test": scores, "metrics": ["accuracy"]}
metrics["train"] = {"seconds": 1.0}
(run_dir / "metrics.json").write_text(json.dumps(metrics))
"""


def test_a_final_run_is_trained_again_only_if_the_best_is_another(tmp_path):
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "shard").write_text("records")

    def finish(rate, program=TRAIN):
        settings = TuneSettings(runs_dir=str(tmp_path / "runs"), final_seeds=1)
        recipes = final_recipes(settings, SPACE, {"learning_rate": rate})
        state = SweepState(StopRequest(), None)
        return final_runs(
            recipes,
            lambda train: tmp_path / "records",
            [EVERY],
            python(program),
            state,
            lambda line: None,
        )

    def scores(runs):
        return {run["recipe"]: run["test"]["accuracy"] for run in runs}

    assert scores(finish(0.1)) == {"best": 0.1, "default": 5e-5}
    # Nothing is left to do: this program would fail.
    assert scores(finish(0.1, "raise SystemExit(1)")) == {"best": 0.1, "default": 5e-5}
    assert scores(finish(0.2)) == {"best": 0.2, "default": 5e-5}
    with pytest.raises(UserError, match="could not be trained: no room"):
        finish(0.3, "print('no room'); raise SystemExit(2)")
