"""What a sweep tries next, also after it was killed, and when it tries no more."""

import json
import os
import types

import keras_tuner
import pytest
from small_space import SPACE

from bert_cpu.errors import UserError
from bert_cpu.search.oracle import drop_states, make_oracle, reload_oracle
from bert_cpu.tune_settings import TuneSettings


def oracle_in(directory, algorithm="random", **settings):
    settings = TuneSettings(algorithm=algorithm, **settings)
    oracle = make_oracle(settings, SPACE, "accuracy")
    oracle._set_project_dir(str(directory), "oracle")
    return oracle


def end(oracle, trial, worth):
    oracle.update_trial(trial.trial_id, {"accuracy": worth})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


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


def test_keras_tuner_and_this_file_agree_on_what_a_state_is(tmp_path):
    """The names that are not public, so that a new version is found out here."""
    oracle = oracle_in(tmp_path, "hyperband")
    trial = oracle.create_trial("tuner0")
    state = json.loads((tmp_path / "oracle" / "oracle.json").read_text())
    assert state["ongoing_trials"] == {"tuner0": trial.trial_id}
    assert state["brackets"] == oracle._brackets
    assert isinstance(oracle, keras_tuner.oracles.HyperbandOracle)
    assert isinstance(oracle.populate_space, types.MethodType)
