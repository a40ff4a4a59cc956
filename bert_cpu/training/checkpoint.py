"""The state of a run on disk, from which it goes on as if never stopped.

One safetensors file holds the weights, the optimizer's slots, the moving average
and the states of the random generators; a JSON beside it says which step it belongs
to, which weights were the best by then, and what the SHA-256 of all this is. The
JSON is written last: with it a checkpoint is there, without it there is none. So at
any moment the directory holds the checkpoint before, the new one, or both.
"""

import contextlib
import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import safetensors
import safetensors.numpy
import tensorflow as tf

from bert_cpu import storage
from bert_cpu.errors import UserError

_FORMAT = "bert_cpu.checkpoint"
_REMEDY = "Start again with --overwrite."
# What a process leaves that is killed while it writes: ours, and safetensors'.
_HALF_WRITTEN = (".*.partial", ".tmp*")


@dataclasses.dataclass
class Progress:
    """How far a run has come."""

    step: int = 0  # Batches done in the whole run.
    epoch: int = 0  # Epochs done.
    epoch_step: int = 0  # Batches done in the epoch that is under way.
    epoch_loss: float = 0.0  # Sum of their losses.
    best_score: float = -2.0  # On the validation split. No score is so low.
    best_epoch: int = 0
    # What its weights, which become the model, measured on the validation split.
    best_measured: dict[str, float] = dataclasses.field(default_factory=dict)
    epochs_without_better: int = 0
    seconds: float = 0.0  # Spent in training steps.
    other_seconds: float = 0.0  # Spent between epochs: measuring, saving.
    expected_updates: float = 0.0  # In the whole run, if the clock ends it.
    examples: int = 0  # Trained on.
    tokens: int = 0  # Of them, padding not counted.


class Checkpoints:
    """Saves and restores a run's state.

    Args:
        directory: `checkpoints/` of the run.
        variables: of the model and the optimizer, always in the same order.
        weights: of the model alone; these are kept of the best epoch.
        manifest_sha256: str. Of the records trained on: a run can't go on with
            others.
        keep: int. How many checkpoints stay. With two or more, a damaged one costs
            the steps since the one before.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        variables: list[keras.Variable],
        weights: list[keras.Variable],
        manifest_sha256: str,
        keep: int = 2,
    ):
        self._directory = directory
        self._variables = variables
        self._weights = weights
        self._manifest_sha256 = manifest_sha256
        self._keep = keep
        self._best: dict[str, dict] = {}  # Name, size and SHA-256 of the best weights.
        self._damaged: set[str] = set()

    def save(self, progress: Progress) -> None:
        """Writes the state, then removes what is no longer kept.

        Raises:
            UserError: if the disk is full; those before are kept then.
        """
        name = f"step-{progress.step:08d}"
        content = {
            "manifest_sha256": self._manifest_sha256,
            "progress": dataclasses.asdict(progress),
            "state": self._write(f"{name}.safetensors", self._variables),
            "best": self._best,
        }
        description = {
            "format": _FORMAT,
            "version": 1,
            "sha256": _digest(content),
            **content,
        }
        storage.write_json(self._directory / f"{name}.json", description)
        self._damaged.discard(name)
        self._remove_old(progress.step)

    def restore(self, say: Callable[[str], object] = lambda line: None) -> Progress:
        """Sets all variables to the newest state that is whole.

        Args:
            say: is told, in one line, of a newer one that is damaged.

        Raises:
            UserError: if none is whole, or it belongs to other records or another
                model.
        """
        damages = []
        for path in _newest_first(self._directory):
            try:
                content = self._check(path)
                break
            except (UserError, OSError) as error:
                damages.append(str(error).strip())
                self._damaged.add(path.stem)
        else:
            none = f"'{self._directory}' has no checkpoint."
            raise UserError(f"{damages[0] if damages else none} {_REMEDY}")
        if content["manifest_sha256"] != self._manifest_sha256:
            raise UserError(
                "The records differ from those that this run was training on, so it "
                f"can't go on. {_REMEDY}"
            )
        (name,) = content["state"]
        self._read(name, self._variables)
        self._best = content["best"]
        progress = Progress(**content["progress"])
        if damages:
            say(
                f"{damages[0]} Going on from step {progress.step}, the last one that "
                "is whole."
            )
        return progress

    def save_best(self, step: int) -> None:
        """Keeps the model's weights as the best so far, from the next `save` on.

        The name is of the step: until then, the best of before must not be lost.
        """
        self._best = self._write(f"best-{step:08d}.safetensors", self._weights)

    def restore_best(self) -> None:
        """Sets the model's weights to the best, if any were kept.

        Raises:
            UserError: if they are damaged.
        """
        storage.check_files(self._directory, self._best, _REMEDY)
        for name in self._best:
            self._read(name, self._weights)

    def _check(self, path):
        """What a checkpoint says of itself, if all of it is whole."""
        description = storage.read_description(path, _FORMAT, "")
        content: dict[str, Any] = {
            name: description.get(name)
            for name in ("manifest_sha256", "progress", "state", "best")
        }
        if description.get("sha256") != _digest(content):
            raise UserError(f"'{path}' was changed since it was written.")
        storage.check_files(path.parent, content["state"] | content["best"], "")
        return content

    def _write(self, name, variables):
        tensors = {
            # A view: a copy of everything would be the run's peak of memory.
            key: np.from_dlpack(tf.convert_to_tensor(variable))
            for key, variable in _keyed(variables).items()
        }
        with storage.written_aside(self._directory / name) as aside:
            safetensors.numpy.save_file(tensors, aside)
        return storage.describe_files(self._directory, [name])

    def _read(self, name, variables):
        path = self._directory / name
        keyed = _keyed(variables)
        tensors = safetensors.numpy.load_file(path)
        shapes = {key: tuple(variable.shape) for key, variable in keyed.items()}
        if shapes != {key: tensor.shape for key, tensor in tensors.items()}:
            raise UserError(
                f"'{path}' belongs to another model or optimizer. Go on with the "
                "settings that it was started with."
            )
        for key, variable in keyed.items():
            variable.assign(tensors[key])

    def _remove_old(self, step):
        """Removes old checkpoints, damaged ones, those of a run that went another
        way after an earlier step, and what a killed process left half written."""
        good = [
            path
            for path in _newest_first(self._directory)
            if path.stem not in self._damaged and _step_of(path) <= step
        ]
        kept = {path.name for path in good[: self._keep]}
        for path in good[: self._keep]:
            kept |= _files_of(path)
        # First what says that a checkpoint is there, then what it consists of.
        for pattern in ("step-*.json", "*.safetensors", *_HALF_WRITTEN):
            for path in self._directory.glob(pattern):
                if path.name not in kept:
                    path.unlink()


def has_checkpoint(directory: pathlib.Path) -> bool:
    """Whether there is a state to go on from."""
    for path in _newest_first(directory):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if json.loads(path.read_text())["version"] == 1:
                return True
    return False


def _newest_first(directory: pathlib.Path) -> list[pathlib.Path]:
    return sorted(directory.glob("step-*.json"), key=_step_of, reverse=True)


def _step_of(path):
    digits = path.stem.removeprefix("step-")
    return int(digits) if digits.isdecimal() else -1


def _files_of(path: pathlib.Path) -> set[str]:
    """The names of all files of a checkpoint; none if its description is damaged."""
    try:
        description = json.loads(path.read_text())
        return {*description["state"], *description["best"]}
    except (ValueError, KeyError, TypeError):
        return set()


def _digest(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _keyed(variables):
    # By place: paths of random generators are numbered anew in each process.
    return {f"{index:05d}": variable for index, variable in enumerate(variables)}
