"""A run's directory: begun, gone on with, or refused."""

import contextlib
import dataclasses
import pathlib
import shutil
from collections.abc import Iterator
from typing import TypeVar

from bert_cpu import storage
from bert_cpu.data.manifest import is_prepared
from bert_cpu.errors import UserError
from bert_cpu.settings import RunSettings
from bert_cpu.stored_settings import load_settings, save_settings
from bert_cpu.training.checkpoint import has_checkpoint

Settings = TypeVar("Settings", bound=RunSettings)


@contextlib.contextmanager
def begun_run(settings: Settings) -> Iterator[Settings]:
    """Starts a run, and undoes that if it ends before its first checkpoint.

    So a mistake that is found while the data is read costs nothing: what was
    made is gone, what was overwritten is back, and the same command works.

    Args:
        settings: see `start_run`, which also says what is given and raised.
    """
    started = start_run(settings)
    try:
        yield started
    finally:
        if not has_checkpoint(settings.run_dir / "checkpoints"):
            _undo(settings.run_dir)
        shutil.rmtree(_replaced(settings.run_dir), ignore_errors=True)


def start_run(settings: Settings) -> Settings:
    """Makes the run's directory, or finds the one to go on with.

    With `resume`, the settings are all those that the run has from now on. Not all
    may differ from those that it was started with: the data and what the saved state
    depends on stay as they were.

    Returns:
        The settings, as written to the run's `config.json`: with the whole path of
        prepared records.

    Raises:
        UserError: if the directory is there and neither `resume` nor
            `overwrite` was asked for, there is nothing to resume, or it can't
            go on with other settings.
    """
    run_dir = settings.run_dir
    if is_prepared(settings.data):
        # A run reads them where they are, from wherever it is evaluated.
        data = str(pathlib.Path(settings.data).absolute())
        settings = dataclasses.replace(settings, data=data)
    if settings.resume:
        _check_resumed(settings)
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
        _set_aside(run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    try:
        with storage.written_aside(run_dir / "config.json") as aside:
            save_settings(settings, aside)
    except BaseException:
        if not settings.resume:
            _undo(run_dir)
        raise
    return settings


def find_run(runs_dir: str, name: str) -> pathlib.Path:
    """The directory of a run that was started.

    Raises:
        UserError: if there is none, naming those that there are.
    """
    run_dir = pathlib.Path(runs_dir) / name
    if not _is_a_run(run_dir):
        others = sorted(
            path.parent.name for path in run_dir.parent.glob("[!.]*/config.json")
        )
        known = f"There are: {', '.join(others)}. " if others else ""
        raise UserError(
            f"There is no run '{run_dir}'. {known}Train one with "
            f"`bert-cpu train --name {name}`."
        )
    return run_dir


def _check_resumed(settings):
    run_dir = find_run(settings.runs_dir, settings.name)
    if not has_checkpoint(run_dir / "checkpoints"):
        raise UserError(
            f"'{run_dir}' has no checkpoint to go on from. Start again with "
            "--overwrite."
        )
    before = load_settings(run_dir / "config.json")
    if type(before) is not type(settings):
        raise UserError(
            f"'{run_dir}' was begun by another command. Go on with it by that one, or "
            "choose another --name."
        )
    for name in settings.fixed_fields():
        now, was = getattr(settings, name), getattr(before, name)
        if now != was:
            raise UserError(
                f"--{name.replace('_', '-')} is {now}, but '{run_dir}' was started "
                f"with {was} and can only go on with that. Leave it out, or start "
                "again with --overwrite."
            )


def _set_aside(run_dir):
    replaced = _replaced(run_dir)
    if replaced.exists() and not has_checkpoint(run_dir / "checkpoints"):
        # A command was killed before it had begun: the run of before is there.
        shutil.rmtree(run_dir)
        return
    shutil.rmtree(replaced, ignore_errors=True)
    run_dir.rename(replaced)


def _undo(run_dir):
    shutil.rmtree(run_dir, ignore_errors=True)
    replaced = _replaced(run_dir)
    if replaced.exists():
        replaced.rename(run_dir)


def _replaced(run_dir):
    return run_dir.with_name(f".{run_dir.name}.replaced")


def _is_a_run(run_dir):
    return (run_dir / "config.json").is_file()
