"""A sweep's directory: begun, gone on with, or refused."""

import contextlib
import dataclasses
import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from bert_cpu import storage
from bert_cpu.data.manifest import is_prepared
from bert_cpu.errors import UserError
from bert_cpu.search.space import SearchSpace
from bert_cpu.task_catalog import task_class
from bert_cpu.task_names import TASK_NAMES
from bert_cpu.tune_settings import TuneSettings

FORMAT = "bert_cpu.sweep"
FILE_NAME = "sweep.json"
_REMEDY = "Start again with --overwrite."


@contextlib.contextmanager
def begun_sweep(settings: TuneSettings, space: SearchSpace) -> Iterator[TuneSettings]:
    """Makes a sweep's directory, or finds the one to go on with.

    A new one is removed again if the work ends before any trial was begun, so that
    a mistake that is found while the data is read costs nothing.

    Args:
        settings: with `resume`, as `resumed_sweep` returns them.
        space: that is searched.

    Returns:
        The settings, with the whole path of prepared records.

    Raises:
        UserError: if the directory is there and is no sweep, or neither `resume` nor
            `overwrite` was asked for.
    """
    directory = settings.sweep_dir
    replaced = directory.with_name(f".{directory.name}.replaced")
    settings = _with_whole_path(settings)
    if not settings.resume:
        if directory.exists():
            _expect_a_sweep(directory)
            if not settings.overwrite:
                raise UserError(
                    f"'{directory}' is a sweep already. Go on with it by --resume, "
                    "replace it by --overwrite, or choose another --name."
                )
            shutil.rmtree(replaced, ignore_errors=True)
            directory.rename(replaced)
        save_sweep(directory, _identity(settings, space))
    try:
        yield settings
    finally:
        trials = directory / "trials"
        if not settings.resume and not (trials.is_dir() and any(trials.iterdir())):
            shutil.rmtree(directory, ignore_errors=True)
            if replaced.exists():
                replaced.rename(directory)
        shutil.rmtree(replaced, ignore_errors=True)


def resumed_sweep(
    settings: TuneSettings, space: SearchSpace | None
) -> tuple[TuneSettings, SearchSpace]:
    """The settings and the space of a sweep that is to go on.

    Args:
        settings: as given now. What is not given is as it was; the budget and what
            else `TuneSettings.free_fields` names may be another.
        space: as given now, or None.

    Raises:
        UserError: if there is no such sweep, or it is another one.
    """
    directory = settings.sweep_dir
    if not directory.exists():
        raise UserError(
            f"There is no sweep '{directory}' to go on with. Leave --resume out."
        )
    before, settings = read_sweep(directory), _with_whole_path(settings)
    defaults, kept = TuneSettings(), before.get("settings", {})
    if kept.get("task") in TASK_NAMES:  # Of a sweep from before there was a choice.
        kept = {**task_class(kept["task"]).reading_options, **kept}
    for name, was in kept.items():
        now = getattr(settings, name, None)
        if now not in (was, getattr(defaults, name, None)):
            flag = "--" + name.replace("_", "-")
            raise UserError(
                f"'{directory}' is another sweep: its {flag} is {was}, and {now} was "
                "asked for. Leave the option out, or choose another --name."
            )
    if space is not None and space.as_dict() != before.get("space"):
        raise UserError(
            f"'{directory}' is another sweep: it searches other settings or values. "
            "Leave --space out, or choose another --name."
        )
    try:
        settings = dataclasses.replace(settings, **kept)
    except TypeError as error:
        raise UserError(
            f"'{directory / FILE_NAME}' does not hold the settings of a sweep "
            f"({error}). {_REMEDY}"
        ) from None
    return settings, SearchSpace.from_dict(before.get("space", {}))


def read_sweep(directory: pathlib.Path) -> dict[str, Any]:
    """What `sweep.json` says.

    Raises:
        UserError: if the directory is no sweep, or the file is damaged.
    """
    _expect_a_sweep(directory)
    return storage.read_description(directory / FILE_NAME, FORMAT, _REMEDY)


def save_sweep(directory: pathlib.Path, content: dict[str, Any]) -> None:
    """Writes `sweep.json`, in place of the one that may be there."""
    head = {"format": FORMAT, "version": 1}
    storage.write_json(directory / FILE_NAME, {**head, **content})


def read_trials(directory: pathlib.Path) -> list[dict[str, Any]]:
    """The trials of a sweep that have ended, in the order of their numbers."""
    found = []
    for path in sorted(directory.glob("trials/*/trial.json")):
        with contextlib.suppress(OSError, ValueError):
            found.append(json.loads(path.read_text(encoding="utf-8")))
    return found


def _with_whole_path(settings):
    """Trials read prepared records where they are, from wherever they are run."""
    if not is_prepared(settings.data):
        return settings
    data = str(pathlib.Path(settings.data).absolute())
    return dataclasses.replace(settings, data=data)


def _identity(settings, space):
    fields = dataclasses.asdict(settings)
    return {
        "settings": {
            name: value
            for name, value in fields.items()
            # What the file says is kept beside them.
            if name not in (*TuneSettings.free_fields(), "space")
        },
        "space": space.as_dict(),
    }


def _expect_a_sweep(directory):
    if not (directory / FILE_NAME).is_file():
        raise UserError(
            f"'{directory}' is not a sweep (it has no {FILE_NAME}), so nothing is "
            "written there. Choose another --name."
        )
