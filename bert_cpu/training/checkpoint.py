"""The state of a run on disk, from which it goes on as if never stopped.

One safetensors file holds the weights, the optimizer's slots, the moving
average and the states of the random generators; a JSON beside it says which
step it belongs to and what its SHA-256 is. Both are written aside and renamed.
"""

import dataclasses
import json
import pathlib

import keras
import numpy as np
import safetensors
import safetensors.numpy
import tensorflow as tf

from bert_cpu import storage
from bert_cpu.errors import UserError

_LATEST = "latest.json"
_BEST = "best.safetensors"


@dataclasses.dataclass
class Progress:
    """How far a run has come."""

    step: int = 0  # Batches done in the whole run.
    epoch: int = 0  # Epochs done.
    epoch_step: int = 0  # Batches done in the epoch that is under way.
    epoch_loss: float = 0.0  # Sum of their losses.
    best_score: float = -2.0  # On the validation split. No score is so low.
    best_epoch: int = 0
    epochs_without_better: int = 0
    seconds: float = 0.0  # Spent in training steps.
    other_seconds: float = 0.0  # Spent between epochs: measuring, saving.
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
    """

    def __init__(
        self,
        directory: pathlib.Path,
        variables: list[keras.Variable],
        weights: list[keras.Variable],
        manifest_sha256: str,
    ):
        self._directory = directory
        self._variables = variables
        self._weights = weights
        self._manifest_sha256 = manifest_sha256

    def save(self, progress: Progress) -> None:
        """Writes the state, then removes the one before.

        Raises:
            UserError: if the disk is full; the one before is kept then.
        """
        name = f"step-{progress.step:08d}.safetensors"
        self._write(name, self._variables)
        latest = {
            "format": "bert_cpu.checkpoint",
            "version": 1,
            "manifest_sha256": self._manifest_sha256,
            "progress": dataclasses.asdict(progress),
            "files": storage.describe_files(self._directory, [name]),
        }
        storage.write_json(self._directory / _LATEST, latest)
        for old in self._directory.glob("step-*.safetensors"):
            if old.name != name:
                old.unlink()

    def restore(self) -> Progress:
        """Sets all variables to the saved state.

        Raises:
            UserError: if there is none, it was changed, or it belongs to other
                records or another model.
        """
        remedy = "Start again with --overwrite."
        latest = storage.read_description(
            self._directory / _LATEST, "bert_cpu.checkpoint", remedy
        )
        storage.check_files(self._directory, latest["files"], remedy)
        if latest["manifest_sha256"] != self._manifest_sha256:
            raise UserError(
                "The records differ from those that this run was training on, so it "
                f"can't go on. {remedy}"
            )
        (name,) = latest["files"]
        self._read(name, self._variables)
        return Progress(**latest["progress"])

    def save_best(self) -> None:
        """Keeps the model's weights as the best so far."""
        self._write(_BEST, self._weights)

    def restore_best(self) -> None:
        """Sets the model's weights to the best, if any were kept."""
        if (self._directory / _BEST).is_file():
            self._read(_BEST, self._weights)

    def _write(self, name, variables):
        tensors = {
            # A view: a copy of everything would be the run's peak of memory.
            key: np.from_dlpack(tf.convert_to_tensor(variable))
            for key, variable in _keyed(variables).items()
        }
        with storage.written_aside(self._directory / name) as aside:
            safetensors.numpy.save_file(tensors, aside)

    def _read(self, name, variables):
        path = self._directory / name
        keyed = _keyed(variables)
        try:
            tensors = safetensors.numpy.load_file(path)
        except (safetensors.SafetensorError, OSError) as error:
            raise UserError(
                f"'{path}' is not whole ({error}). Start again with --overwrite."
            ) from error
        shapes = {key: tuple(variable.shape) for key, variable in keyed.items()}
        if shapes != {key: tensor.shape for key, tensor in tensors.items()}:
            raise UserError(
                f"'{path}' belongs to another model or optimizer. Go on with the "
                "settings that it was started with."
            )
        for key, variable in keyed.items():
            variable.assign(tensors[key])


def has_checkpoint(directory: pathlib.Path) -> bool:
    """Whether there is a state to go on from."""
    try:
        return json.loads((directory / _LATEST).read_text())["version"] == 1
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _keyed(variables):
    # By place: paths of random generators are numbered anew in each process.
    return {f"{index:05d}": variable for index, variable in enumerate(variables)}
