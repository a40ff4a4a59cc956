"""Keras Tuner's tuner, whose trials run our own training."""

import copy
import time
from collections.abc import Set

import keras_tuner
from keras_tuner.engine import base_tuner
from keras_tuner.errors import FailedTrialError, FatalError
from keras_tuner.src import config
from keras_tuner.src.distribute import utils

from bert_cpu.search.oracle import PROJECT
from bert_cpu.search.trial_runner import LeaveTrial, TrialRunner

# The oracle waits for other trials before it can choose.
_IDLE_SECONDS = 0.2


class SweepTuner(base_tuner.BaseTuner):
    """Asks the oracle what to try, and runs it in a process.

    Several of them share an oracle within one process, each from a thread of its own;
    through Keras Tuner's chief (`KERASTUNER_ORACLE_IP`), also in many.

    Args:
        oracle: says what to try next.
        run: runs a trial.
        cores: for its process.
    """

    def __init__(self, oracle: keras_tuner.Oracle, run: TrialRunner, cores: Set[int]):
        directory = str(run.settings.sweep_dir)
        super().__init__(oracle=oracle, directory=directory, project_name=PROJECT)
        # With it, Keras Tuner prints the traceback of a trial that failed, which the
        # user is told of in one line.
        config.DEBUG = False
        self._run = run
        self._cores = cores

    def at(self, slot: int, cores: Set[int]) -> "SweepTuner":
        """The same for another of the trials that run at once."""
        other = copy.copy(self)
        other.tuner_id = f"{self.tuner_id}-{slot}"
        other._cores = cores
        return other

    def search(self) -> None:
        """Runs trials until the oracle has no more, or the sweep is stopped.

        In the chief it answers the workers instead, until all of them have left.
        """
        if utils.is_chief_oracle():
            super().search()
            return
        state = self._run.state
        # By the clock the oracle says it, so that a chief knows who has left.
        while not state.stop.is_set and state.failure is None:
            trial = self.oracle.create_trial(self.tuner_id)
            if trial.status == "STOPPED":
                return
            if trial.status == "IDLE":
                time.sleep(_IDLE_SECONDS)
                continue
            try:
                self._try_run_and_update_trial(trial)
            except LeaveTrial:
                return  # The oracle keeps it for when the sweep goes on.
            self.on_trial_end(trial)

    def run_trial(self, trial):
        """Trains one trial; gives its score under the objective's name."""
        values = trial.hyperparameters.values
        try:
            worth = self._run(trial.trial_id, values, self._cores)
        except FailedTrialError:
            raise
        except Exception as error:
            # A mistake of ours: not one more failed trial.
            raise FatalError(f"trial {trial.trial_id}: {error}") from error
        return {self.oracle.objective.name: worth}

    def save(self):
        """Does nothing: the oracle saves itself, under its lock, with each trial."""
