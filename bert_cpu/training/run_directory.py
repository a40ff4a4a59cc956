"""A run's directory: begun, gone on with, or refused."""

import dataclasses
import pathlib
import shutil

from bert_cpu.errors import UserError
from bert_cpu.settings import TrainSettings, load_settings, save_settings
from bert_cpu.training.checkpoint import has_checkpoint


def start_run(settings: TrainSettings) -> TrainSettings:
    """Makes the run's directory, or finds the one to go on with.

    With `resume`, the settings are those that the run was started with, and
    those given now that are not the defaults.

    Returns:
        TrainSettings, as written to the run's `config.json`.

    Raises:
        UserError: if the directory is there and neither `resume` nor
            `overwrite` was asked for, or there is nothing to resume.
    """
    run_dir = settings.run_dir
    if settings.resume:
        settings = _resumed(settings)
    elif run_dir.exists():
        if not settings.overwrite:
            raise UserError(
                f"'{run_dir}' exists. Go on with it by --resume, replace it by "
                "--overwrite, or choose another --name."
            )
        if not _is_a_run(run_dir):
            raise UserError(
                f"'{run_dir}' is not a run (it has no config.json), so --overwrite "
                "does not delete it. Choose another --name."
            )
        shutil.rmtree(run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    save_settings(settings, run_dir / "config.json")
    return settings


def find_run(runs_dir: str, name: str) -> pathlib.Path:
    """The directory of a run that was started.

    Raises:
        UserError: if there is none, naming those that there are.
    """
    run_dir = pathlib.Path(runs_dir) / name
    if not _is_a_run(run_dir):
        others = sorted(
            path.parent.name for path in run_dir.parent.glob("*/config.json")
        )
        known = f"There are: {', '.join(others)}. " if others else ""
        raise UserError(
            f"There is no run '{run_dir}'. {known}Train one with "
            f"`bert-cpu train --name {name}`."
        )
    return run_dir


def _resumed(settings):
    run_dir = find_run(settings.runs_dir, settings.name)
    if not has_checkpoint(run_dir / "checkpoints"):
        raise UserError(
            f"'{run_dir}' has no checkpoint to go on from. Start again with "
            "--overwrite."
        )
    before = load_settings(run_dir / "config.json")
    defaults = TrainSettings()
    given = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(settings)
        if getattr(settings, field.name) != getattr(defaults, field.name)
    }
    return dataclasses.replace(before, **{"overwrite": False, **given})


def _is_a_run(run_dir):
    return (run_dir / "config.json").is_file()
