"""Keras Tuner's oracle, which says what to try next; its state survives a kill."""

import json
import pathlib
import shutil
from collections.abc import Callable

import keras_tuner
from keras_tuner import oracles

from bert_cpu import storage
from bert_cpu.search.hyperparameters import to_hyperparameters
from bert_cpu.search.space import SearchSpace
from bert_cpu.tune_settings import TuneSettings

# Of the whole algorithm; the budget ends the sweep long before.
_MANY = 1_000_000
# The project's name in Keras Tuner, and so its folder in the sweep's directory.
PROJECT = "oracle"


def make_oracle(
    settings: TuneSettings,
    space: SearchSpace,
    objective: str,
    is_over: Callable[[], bool] = lambda: False,
) -> keras_tuner.Oracle:
    """The oracle of a sweep.

    Args:
        settings: of the sweep.
        space: that is searched.
        objective: name of the metric; `loss` is better when lower.
        is_over: whether no trial may begin any more.
    """
    given = {
        "objective": keras_tuner.Objective(
            objective, "min" if objective == "loss" else "max"
        ),
        "hyperparameters": to_hyperparameters(space),
        # Keras Tuner takes 0 for no seed.
        "seed": settings.seed + 1,
        # It would leave its own lock closed; the sweep counts failures itself.
        "max_consecutive_failed_trials": _MANY,
    }
    if settings.algorithm == "hyperband":
        oracle = _Hyperband(
            max_epochs=settings.epochs, hyperband_iterations=_MANY, **given
        )
    elif settings.algorithm == "bayesian":
        # Its own default, three for each setting, is more than most budgets hold.
        num_random = max(4, len(space.searched))
        oracle = _Bayesian(max_trials=None, num_initial_points=num_random, **given)
    else:
        oracle = _Random(max_trials=None, **given)
    oracle.verbose = 0
    oracle.is_over = is_over
    # Not Keras Tuner's `max_trials`, whose digits are in the trials' names.
    oracle.most_trials = settings.trials or _MANY
    return oracle


def reload_oracle(oracle: keras_tuner.Oracle, sweep_dir: pathlib.Path) -> None:
    """Sets an oracle to what it knew when its sweep was stopped or killed.

    The trials that were under way are the first that it gives out again.
    """
    directory = sweep_dir / PROJECT
    path = directory / "oracle.json"
    known = set()
    if path.is_file():
        known = set(json.loads(path.read_text(encoding="utf-8"))["start_order"])
    # A trial is written before the list of all; killed between, it was never begun.
    for trial in directory.glob("trial_*"):
        if trial.name.removeprefix("trial_") not in known:
            shutil.rmtree(trial)
    if known:
        oracle.reload()


def drop_states(oracle: keras_tuner.Oracle, sweep_dir: pathlib.Path) -> None:
    """Removes the checkpoints that no trial will go on from any more.

    They are the largest part of a sweep by far.
    """
    if not isinstance(oracle, _Hyperband):
        return
    needed = {
        each["id"]
        for bracket in list(oracle._brackets)
        for trials in bracket["rounds"]
        for each in list(trials)
    }
    for trial in list(oracle.ongoing_trials.values()):
        values = trial.hyperparameters.values
        needed |= {trial.trial_id, values.get("tuner/trial_id")}
    for path in (sweep_dir / "trials").glob("*/checkpoints"):
        if path.parent.name not in needed:
            shutil.rmtree(path, ignore_errors=True)


class _Durable(keras_tuner.Oracle):
    """Saves aside and renames, and stops by the budget.

    Keras Tuner writes its files in place, so that a kill at the wrong moment would
    leave half a file and no sweep to go on with.
    """

    is_over: Callable[[], bool]
    most_trials: int

    def save(self):
        storage.write_json(pathlib.Path(self._get_oracle_fname()), self.get_state())

    def _save_trial(self, trial):
        directory = pathlib.Path(self._get_trial_dir(trial.trial_id))
        storage.write_json(directory / "trial.json", trial.get_state())

    def populate_space(self, trial_id):
        if self.is_over() or len(self.trials) >= self.most_trials:
            return {"status": "STOPPED"}
        return super().populate_space(trial_id)


class _Hyperband(_Durable, oracles.HyperbandOracle):
    pass


class _Bayesian(_Durable, oracles.BayesianOptimizationOracle):
    pass


class _Random(_Durable, oracles.RandomSearchOracle):
    pass
