"""A run's trained model, opened again to be measured."""

import dataclasses
import pathlib

import keras

from bert_cpu.data.damage.check_shards import check_shards
from bert_cpu.data.manifest import Manifest, load_manifest
from bert_cpu.data.mend_records import mend_records
from bert_cpu.data.pipeline import evaluation_batches
from bert_cpu.errors import UserError
from bert_cpu.models.bundle import Bundle, open_bundle
from bert_cpu.models.encoder import build_encoder
from bert_cpu.report.read_run import read_run
from bert_cpu.report.resume_command import resume_command
from bert_cpu.settings import TrainSettings
from bert_cpu.stored_settings import load_settings
from bert_cpu.task import Task
from bert_cpu.task_catalog import restore_task, task_of_records
from bert_cpu.task_names import TASK_NAMES
from bert_cpu.training.evaluate import Evaluation
from bert_cpu.training.step import make_predict_step


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model that was trained, and what it was trained for."""

    bundle: Bundle
    task: Task
    model: keras.Model

    def evaluation(self, manifest: Manifest) -> Evaluation:
        """Runs and measures the model on records like those it was trained on."""
        spec = evaluation_batches(manifest, "test", 1).element_spec
        return Evaluation(
            make_predict_step(self.model, spec),
            self.task,
            manifest,
            self.bundle.tokenizer.backend_tokenizer,
        )


def open_trained(bundle_dir: pathlib.Path) -> Trained:
    """Builds the model of a bundle and loads its weights, as float32.

    Raises:
        UserError: if it is no bundle, was changed, or is of an unknown task.
    """
    bundle = open_bundle(bundle_dir)
    task = restore_task(bundle.info.task, bundle.info.options)
    if task is None:
        raise UserError(
            f"'{bundle_dir}' was trained for the task '{bundle.info.task}', but only "
            f"{', '.join(TASK_NAMES)} are known. Use the version that trained it."
        )
    encoder = build_encoder(bundle.config, reads_first_token=task.reads_first_token)
    model = task.build(encoder, bundle.info.labels, 0.0)
    bundle.assign_to(model, task)
    return Trained(bundle, task, model)


def find_bundle(run_dir: pathlib.Path) -> pathlib.Path:
    """The bundle of a run.

    Raises:
        UserError: if the run has none, because it was not finished.
    """
    directory = run_dir / "bundle"
    if not directory.is_dir():
        raise UserError(
            f"'{run_dir}' has no trained model yet. Finish it with "
            f"`{resume_command(read_run(run_dir))}`."
        )
    return directory


def load_run_records(
    run_dir: pathlib.Path,
    split: str,
    bundle: Bundle,
    task: Task | None = None,
) -> Manifest:
    """The records that a run was trained on, after checking a split of them.

    Args:
        run_dir: of the run.
        split: str. The split that will be read.
        bundle: the run's.
        task: the model's, to leave damaged records out: what is whole of them is in
            the run's `mended_evaluation`. Default: a damaged one is a mistake.

    Raises:
        UserError: if they are gone, damaged, not those that the bundle's model was
            trained on, or have no such split.
    """
    settings = load_settings(run_dir / "config.json")
    manifest = load_manifest(_records_of(run_dir, settings))
    for field in ("task", "labels", "max_length", "stride", "text_pair", "preprocess"):
        ours, theirs = getattr(bundle.info, field), getattr(manifest, field)
        if ours != theirs:
            raise UserError(
                f"'{run_dir}' has a model with {field} {ours}, but records with "
                f"{theirs}. Train it again with --overwrite."
            )
    _check_reading(run_dir, bundle, manifest)
    if split not in manifest.splits:
        # A run that pre-trains keeps other records of what it learned from.
        raise UserError(
            f"'{run_dir}' has no {split} split to measure on, but only "
            f"{', '.join(manifest.splits)}. Give --split {next(iter(manifest.splits))}."
        )
    if task is not None:
        directory = run_dir / "mended_evaluation"
        return mend_records(manifest, directory, task.label_names)
    shards = manifest.splits[split].shards
    check_shards(manifest.directory, shards, "Prepare the data again.")
    return manifest


def _check_reading(run_dir, bundle, manifest):
    """A model must be asked as it was taught."""
    ours = restore_task(bundle.info.task, bundle.info.options)
    if ours is None:
        return  # `open_trained` says so.
    theirs = task_of_records(ours, manifest.reading)
    for name in ours.reading_options:
        if getattr(ours, name) != getattr(theirs, name):
            raise UserError(
                f"'{run_dir}' has a model with {name} {getattr(ours, name)}, but "
                f"records with {getattr(theirs, name)}. Train it again with "
                "--overwrite."
            )


def _records_of(run_dir, settings):
    # A run that pre-trained has other records mended.
    if isinstance(settings, TrainSettings) and settings.mended_dir:
        mended = run_dir / settings.mended_dir.name
        if mended.is_dir():
            return mended
    own = run_dir / "records"
    return own if own.is_dir() else pathlib.Path(settings.data)
