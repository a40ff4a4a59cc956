"""A run's trained model, opened again to be measured."""

import dataclasses
import pathlib
from collections.abc import Callable
from types import ModuleType

import keras

from bert_cpu.data.manifest import Manifest, load_manifest
from bert_cpu.data.tfrecords import check_shards
from bert_cpu.errors import UserError
from bert_cpu.models.bundle import Bundle, open_bundle
from bert_cpu.models.encoder import build_encoder
from bert_cpu.settings import load_settings
from bert_cpu.tasks.catalog import TASKS
from bert_cpu.training.step import make_predict_step


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model that was trained, and the function that runs it."""

    bundle: Bundle
    task: ModuleType
    model: keras.Model
    predict_step: Callable  # As `make_predict_step` returns it.


def open_trained(bundle_dir: pathlib.Path) -> Trained:
    """Builds the model of a bundle and loads its weights, as float32.

    Raises:
        UserError: if it is no bundle, was changed, or is of an unknown task.
    """
    bundle = open_bundle(bundle_dir)
    if bundle.info.task not in TASKS:
        raise UserError(
            f"'{bundle_dir}' was trained for the task '{bundle.info.task}', but only "
            f"{', '.join(TASKS)} are known. Use the version that trained it."
        )
    task = TASKS[bundle.info.task]
    model = task.build(build_encoder(bundle.config), len(bundle.info.labels))
    bundle.assign_to(model, task.HEAD_NAMES)
    return Trained(bundle, task, model, make_predict_step(model))


def find_bundle(run_dir: pathlib.Path) -> pathlib.Path:
    """The bundle of a run.

    Raises:
        UserError: if the run has none, because it was not finished.
    """
    directory = run_dir / "bundle"
    if not directory.is_dir():
        raise UserError(
            f"'{run_dir}' has no trained model yet. Finish it with "
            f"`bert-cpu train --name {run_dir.name} --resume`."
        )
    return directory


def load_run_records(run_dir: pathlib.Path, split: str, bundle: Bundle) -> Manifest:
    """The records that a run was trained on, after checking a split of them.

    Args:
        run_dir: of the run.
        split: str. The split that will be read.
        bundle: the run's.

    Raises:
        UserError: if they are gone, damaged, or not those that the bundle's model
            was trained on.
    """
    settings = load_settings(run_dir / "config.json")
    own = run_dir / "records"
    manifest = load_manifest(own if own.is_dir() else pathlib.Path(settings.data))
    for field in ("labels", "max_length", "text_pair", "preprocess"):
        ours, theirs = getattr(bundle.info, field), getattr(manifest, field)
        if ours != theirs:
            raise UserError(
                f"'{run_dir}' has a model with {field} {ours}, but records with "
                f"{theirs}. Train it again with --overwrite."
            )
    check_shards(manifest.directory, manifest.splits[split].shards)
    return manifest
