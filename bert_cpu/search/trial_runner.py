"""From values to try to a score: a trial's files, its process, and its record."""

import contextlib
import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from keras_tuner.errors import FailedTrialError

from bert_cpu import storage
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import Checkpoint
from bert_cpu.search.child import last_words, run_child
from bert_cpu.search.hyperparameters import to_settings
from bert_cpu.search.median_rule import is_below_median
from bert_cpu.search.score import score
from bert_cpu.search.shared_records import shared_records
from bert_cpu.search.state import SweepState
from bert_cpu.settings import TrainSettings
from bert_cpu.stored_settings import load_settings, save_settings
from bert_cpu.training.history import read_history
from bert_cpu.training.screen import Screen
from bert_cpu.tune_settings import TuneSettings


class LeaveTrial(BaseException):
    """Ends the work on a trial that is to go on when the sweep does.

    It is no Exception, so that Keras Tuner does not take it for a failed trial.
    """


@dataclasses.dataclass(frozen=True)
class TrialRunner:
    """Runs the trials of a sweep.

    Args:
        settings: of the sweep.
        base: of training, whatever is tried; with the space's fixed values.
        objective: name of the metric.
        checkpoint: the encoder.
        command: runs a trial, with its directory behind it.
        state: says when to stop.
        say: shows a line.
    """

    settings: TuneSettings
    base: TrainSettings
    objective: str
    checkpoint: Checkpoint
    command: Sequence[str]
    state: SweepState
    say: Callable[[str], None]

    def __call__(
        self, trial_id: str, values: Mapping[str, Any], cores: Set[int]
    ) -> float:
        """Runs one trial, and keeps it as `trial.json`.

        Args:
            trial_id: its number, as Keras Tuner writes it.
            values: by the name of the setting; those of Keras Tuner's own begin with
                `tuner/`.
            cores: for its process.

        Returns:
            The score.

        Raises:
            FailedTrialError: if it could not be trained.
            LeaveTrial: if the sweep was stopped meanwhile.
        """
        directory = self.settings.sweep_dir / "trials" / trial_id
        path = directory / "trial.json"
        if path.is_file():  # It ended just before the sweep was killed.
            record = json.loads(path.read_text(encoding="utf-8"))
        else:
            directory.mkdir(parents=True, exist_ok=True)
            record = self._run(directory, trial_id, values, cores)
            storage.write_json(path, record)
            self._show(record)
        if not record["stopped_by"]:
            self.state.note(record["message"])
        if record["status"] == "failed":
            raise FailedTrialError(record["message"])
        return record["score"]

    def _run(self, directory, trial_id, values, cores):
        record = {
            "id": trial_id,
            "status": "completed",
            "stopped_by": None,
            "message": None,
            "values": to_settings(values),
            "objective": self.objective,
            "score": None,
            "variant": None,
            "cores": len(cores),
        }
        started = time.time()
        try:
            settings, plan = self._plan(trial_id, values, cores)
            record |= {"seed": settings.seed, "settings": dataclasses.asdict(settings)}
            record |= {"epochs": plan["last_epoch"], "continues": plan["continues"]}
            self._train(directory, settings, plan, record, cores)
        except UserError as error:  # Values that don't go together.
            record |= {"status": "failed", "message": str(error)}
        record["scores"] = self._scores(directory)
        times = record.get("times", {})
        record["times"] = {
            **times,
            "started": started,
            "seconds": time.time() - started,
        }
        if not self._is_rung(record) or record["status"] == "failed":
            shutil.rmtree(directory / "checkpoints", ignore_errors=True)
        shutil.rmtree(directory / "tensorboard", ignore_errors=True)
        return record

    def _plan(self, trial_id, values, cores):
        """The settings to train with, and how far."""
        trials = self.settings.sweep_dir / "trials"
        changes = to_settings(values)
        settings = dataclasses.replace(
            self.base,
            runs_dir=str(trials),
            name=trial_id,
            seed=self.settings.seed + int(trial_id),
            threads=len(cores),
            workers=1,
            keep_checkpoints=1,
            **changes,
        )
        if 0 < settings.keep_layers < settings.freeze_layers:
            # Of layers that are left out, none can be frozen.
            settings = dataclasses.replace(settings, freeze_layers=settings.keep_layers)
        before = values.get("tuner/trial_id")
        if before:
            # It is the same training, farther on: the same order and dropout.
            was = load_settings(trials / before / "config.json")
            settings = dataclasses.replace(settings, seed=was.seed)
        records = shared_records(
            settings,
            self.settings.sweep_dir / "records",
            self.checkpoint,
            Screen(quiet=True),
        )
        settings = dataclasses.replace(settings, data=str(records.absolute()))
        plan = {
            # The rate falls over all of `epochs`, whatever part of them is done: so a
            # trial that goes on is the same as one that was never halted.
            "last_epoch": values.get("tuner/epochs", settings.epochs),
            "continues": str(trials / before) if before else None,
            "converts": self.settings.has_limits,
        }
        return settings, plan

    def _train(self, directory, settings, plan, record, cores):
        with storage.written_aside(directory / "config.json") as aside:
            save_settings(settings, aside)
        storage.write_json(directory / "plan.json", plan)
        result, log = directory / "result.json", directory / "log.txt"
        code, reason = 0, None
        if not result.is_file():
            code, reason = run_child(
                [*self.command, str(directory)],
                log,
                cores,
                lambda: self._why_stop(directory, plan["last_epoch"]),
            )
        if code == 0 and result.is_file():
            found = json.loads(result.read_text(encoding="utf-8"))
            limits = self.settings.max_latency_ms, self.settings.max_size_mb
            worth, variant = score(found, self.objective, *limits)
            record |= found | {"score": worth, "variant": variant}
        elif reason is None:
            record |= {"status": "failed", "message": last_words(log)}
            if code < 0:
                record["message"] = f"Signal {-code} ended it. {record['message']}"
        elif reason == "stop":
            raise LeaveTrial
        elif not self._scores(directory):
            record |= {"status": "failed", "stopped_by": reason}
            record["message"] = "The budget ended before its first epoch did."
        else:
            best = min if self.objective == "loss" else max
            record |= {
                "status": "stopped",
                "stopped_by": reason,
                "score": best(self._scores(directory)),
            }

    def _why_stop(self, directory, last_epoch):
        if self.state.stop.is_set or self.state.failure is not None:
            return "stop"
        if self.state.is_time_up:
            return "budget"
        # Hyperband has a rule of its own.
        if not self.settings.median_stop or self.settings.algorithm == "hyperband":
            return None
        scores = self._scores(directory)
        if not 0 < len(scores) < last_epoch:
            return None
        others = [
            self._scores(path)
            for path in directory.parent.iterdir()
            if path.name != directory.name
        ]
        is_bad = is_below_median(scores, others, self.objective == "loss")
        return "median" if is_bad else None

    def _scores(self, directory):
        """The objective on the validation split after each epoch so far."""
        with contextlib.suppress(OSError):
            return [
                event[f"validation_{self.objective}"]
                for event in read_history(directory)
                if event["kind"] == "epoch"
            ]
        return []

    def _show(self, record):
        values = ", ".join(
            f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in record["values"].items()
        )
        seconds = record["times"]["seconds"]
        if record["status"] == "failed":
            said = f"failed: {record['message']}"
        else:
            said = f"{self.objective} {record['score']:.4f}"
        if record["stopped_by"] and record["status"] == "stopped":
            said += f", stopped by the {record['stopped_by']}"
        self.say(f"trial {record['id']}: {said} ({seconds:.0f} s; {values})")

    def _is_rung(self, record):
        """Whether a later trial may go on from this one."""
        is_done = record.get("epochs", 0) >= self.settings.epochs
        return self.settings.algorithm == "hyperband" and not is_done
