"""The parts of a sweep that can be told right from wrong without training."""

import itertools
import json
import os
import statistics
import sys
import time
import types

import keras_tuner
import pytest
from keras_tuner.errors import FailedTrialError

from bert_cpu.errors import UserError
from bert_cpu.search.child import last_words, run_child
from bert_cpu.search.final_runs import describe_final, final_runs
from bert_cpu.search.importance import LEAST_TRIALS, importance
from bert_cpu.search.median_rule import is_below_median
from bert_cpu.search.oracle import drop_states, make_oracle, reload_oracle
from bert_cpu.search.recipes import final_recipes
from bert_cpu.search.score import score
from bert_cpu.search.slots import run_slots
from bert_cpu.search.space import Choice, Range, SearchSpace
from bert_cpu.search.state import SweepState
from bert_cpu.search.sweep_tuner import SweepTuner
from bert_cpu.settings import TrainSettings
from bert_cpu.training.stop import StopRequest
from bert_cpu.tune_settings import TuneSettings

SPACE = SearchSpace(
    {
        "learning_rate": Range(1e-5, 1e-3, is_log=True),
        "batch_size": Choice((8, 16, 32)),
        "ema": Choice((0.5,)),
    }
)
EVERY = set(os.sched_getaffinity(0))


def oracle_in(directory, algorithm="random", **settings):
    settings = TuneSettings(algorithm=algorithm, **settings)
    oracle = make_oracle(settings, SPACE, "accuracy")
    oracle._set_project_dir(str(directory), "oracle")
    return oracle


def end(oracle, trial, worth):
    oracle.update_trial(trial.trial_id, {"accuracy": worth})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


# --- what a trial is worth ---


def variant(name, ms, mb, accuracy):
    return {"name": name, "latency_ms": ms, "size_mb": mb, "accuracy": accuracy}


RESULT = {
    "metrics": {"accuracy": 0.9, "loss": 0.3},
    "converted": [variant("float32", 8.0, 90, 0.9), variant("int8", 4.0, 24, 0.89)],
}


@pytest.mark.parametrize(
    "objective, latency, size, expected",
    [
        ("accuracy", None, None, (0.9, None)),
        ("loss", None, None, (0.3, None)),
        ("accuracy", 10.0, None, (0.9, "float32")),
        ("accuracy", 5.0, None, (0.89, "int8")),
        ("accuracy", 10.0, 30.0, (0.89, "int8")),
        # 4 ms of 2 are one limit too much, 24 MB of 12 as well.
        ("accuracy", 2.0, None, (-2.0, None)),
        ("accuracy", 2.0, 12.0, (-2.0, None)),
        ("accuracy", 1.0, 12.0, (-4.0, None)),
    ],
)
def test_a_trial_is_worth_its_best_variant_within_the_limits(
    objective, latency, size, expected
):
    assert score(RESULT, objective, latency, size) == expected


@pytest.mark.parametrize("is_lower_better", [False, True])
def test_the_median_rule_is_that_of_longhand(is_lower_better):
    others = [[0.5, 0.6, 0.9], [0.7, 0.5, 0.5], [0.6, 0.8], [0.9]]
    best = min if is_lower_better else max
    for ours in ([0.55], [0.65], [0.95], [0.3, 0.61], [0.3, 0.81], [0.6, 0.6, 0.6]):
        theirs = [best(o[: len(ours)]) for o in others if len(o) >= len(ours)]
        expected = False
        if len(theirs) >= 3:
            middle = statistics.median(theirs)
            expected = best(ours) > middle if is_lower_better else best(ours) < middle
        assert is_below_median(ours, others, is_lower_better) == expected, ours
    # Only one other has come to the third epoch, and none is judged before its first.
    assert not is_below_median([0.0, 0.0, 0.0], others, False)
    assert not is_below_median([], others, False)


def test_what_decides_is_important_and_what_does_not_is_not():
    grid = list(itertools.product((1e-5, 1e-4, 1e-3), (8, 16, 32), ("none", "some")))
    values = [
        {"learning_rate": r, "batch_size": b, "class_weights": w} for r, b, w in grid
    ]
    scores = [0.8 - 100 * r + (0.02 if w == "some" else 0) for r, b, w in grid]
    shares = importance(values, scores)
    assert list(shares)[0] == "learning_rate"
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["batch_size"] < 0.02 < shares["class_weights"]
    assert importance(values[: LEAST_TRIALS - 1], scores[: LEAST_TRIALS - 1]) is None
    assert importance(values, [0.5] * len(values)) is None


# --- the oracle ---


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "hyperband"])
def test_an_oracle_that_was_killed_goes_on_as_one_that_was_not(algorithm, tmp_path):
    def step(oracle, number):
        trial = oracle.create_trial("tuner0")
        end(oracle, trial, 0.5 + number / 100)
        return trial.trial_id, trial.hyperparameters.values

    whole = oracle_in(tmp_path / "whole", algorithm)
    expected = [step(whole, number) for number in range(5)]
    halves = oracle_in(tmp_path / "halves", algorithm)
    found = [step(halves, number) for number in range(3)]
    lost = halves.create_trial("tuner0")
    # It was killed: whatever it knew is gone, and another one reads its files.
    again = oracle_in(tmp_path / "halves", algorithm)
    reload_oracle(again, tmp_path / "halves")
    taken_up = again.create_trial("tuner0")
    assert taken_up.trial_id == lost.trial_id
    assert taken_up.hyperparameters.values == lost.hyperparameters.values
    end(again, taken_up, 0.53)
    found += [(lost.trial_id, lost.hyperparameters.values), step(again, 4)]
    if algorithm == "bayesian":
        # Its regressor begins anew, so that only the random ones are the same.
        found, expected = found[:4], expected[:4]
    assert found == expected


def test_a_trial_that_was_written_and_not_begun_is_forgotten(tmp_path):
    oracle = oracle_in(tmp_path)
    end(oracle, oracle.create_trial("tuner0"), 0.5)
    state = (tmp_path / "oracle" / "oracle.json").read_bytes()
    oracle.create_trial("tuner0")
    (tmp_path / "oracle" / "oracle.json").write_bytes(state)
    again = oracle_in(tmp_path)
    reload_oracle(again, tmp_path)
    assert list(again.trials) == ["0000"]


def test_no_half_written_state_is_ever_in_place(tmp_path, monkeypatch):
    oracle = oracle_in(tmp_path)
    end(oracle, oracle.create_trial("tuner0"), 0.5)
    state = (tmp_path / "oracle" / "oracle.json").read_bytes()

    def no_room(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_room)
    with pytest.raises(UserError, match="could not be written"):
        oracle.save()
    assert (tmp_path / "oracle" / "oracle.json").read_bytes() == state


def test_the_budget_ends_it(tmp_path):
    oracle = oracle_in(tmp_path / "trials", trials=2)
    for _ in range(2):
        end(oracle, oracle.create_trial("tuner0"), 0.5)
    assert oracle.create_trial("tuner0").status == "STOPPED"
    late = make_oracle(TuneSettings(), SPACE, "accuracy", lambda: True)
    late._set_project_dir(str(tmp_path / "late"), "oracle")
    assert late.create_trial("tuner0").status == "STOPPED"


def test_loss_is_better_when_lower():
    assert make_oracle(TuneSettings(), SPACE, "loss").objective.direction == "min"
    assert make_oracle(TuneSettings(), SPACE, "macro_f1").objective.direction == "max"


def test_hyperband_keeps_the_states_that_it_may_go_on_from(tmp_path):
    oracle = oracle_in(tmp_path, "hyperband", epochs=3)
    for number in range(3):
        trial = oracle.create_trial("tuner0")
        (tmp_path / "trials" / trial.trial_id / "checkpoints").mkdir(parents=True)
        end(oracle, trial, number / 10)
    drop_states(oracle, tmp_path)
    left = {path.parent.name for path in tmp_path.glob("trials/*/checkpoints")}
    assert left == {"0000", "0001", "0002"}
    promoted = oracle.create_trial("tuner0")
    assert promoted.hyperparameters.values["tuner/trial_id"] == "0002"
    drop_states(oracle, tmp_path)
    assert (tmp_path / "trials" / "0002" / "checkpoints").is_dir()
    end(oracle, promoted, 0.9)
    oracle.create_trial("tuner0")  # Of the next bracket.
    drop_states(oracle, tmp_path)
    assert list(tmp_path.glob("trials/*/checkpoints")) == []


# --- processes ---


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


# --- the end ---


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


def final_run(recipe, seed, validation, test):
    return {
        "recipe": recipe,
        "seed": seed,
        "run_dir": f"runs/{recipe}-{seed}",
        "validation": {"accuracy": validation},
        "test": {"accuracy": test},
        "metrics": ["accuracy"],
        "seconds": 1.0,
    }


def test_the_gain_is_the_mean_of_the_differences_with_its_error():
    runs = [
        final_run("best", 0, 0.80, 0.90),
        final_run("default", 0, 0.99, 0.88),
        final_run("best", 1, 0.85, 0.86),
        final_run("default", 1, 0.75, 0.85),
        final_run("best", 2, 0.70, 0.91),
        final_run("default", 2, 0.75, 0.85),
    ]
    final = describe_final(runs, "accuracy")
    # Not the best on the test, and not the default.
    assert final["best_run"] == "runs/best-1"
    gains = [0.02, 0.01, 0.06]
    assert final["gain"] == pytest.approx(0.03)
    assert final["error"] == pytest.approx(statistics.stdev(gains) / 3**0.5)
    assert final["recipes"]["default"]["mean"] == pytest.approx(0.86)
    alone = describe_final(runs[:1], "accuracy")
    assert "gain" not in alone
    assert alone["recipes"]["best"]["deviation"] is None


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


def test_keras_tuner_and_this_file_agree_on_what_a_state_is(tmp_path):
    """The names that are not public, so that a new version is found out here."""
    oracle = oracle_in(tmp_path, "hyperband")
    trial = oracle.create_trial("tuner0")
    state = json.loads((tmp_path / "oracle" / "oracle.json").read_text())
    assert state["ongoing_trials"] == {"tuner0": trial.trial_id}
    assert state["brackets"] == oracle._brackets
    assert isinstance(oracle, keras_tuner.oracles.HyperbandOracle)
    assert isinstance(oracle.populate_space, types.MethodType)
