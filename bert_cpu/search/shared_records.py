"""The records of a sweep: made once for all trials that agree on what they hold."""

import dataclasses
import hashlib
import json
import pathlib

import filelock

from bert_cpu.data.manifest import is_prepared
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import Checkpoint
from bert_cpu.search.space import SearchSpace
from bert_cpu.settings import PrepareSettings, TrainSettings
from bert_cpu.task_catalog import make_task, option_names
from bert_cpu.training.records import make_records
from bert_cpu.training.screen import Screen

_PREPARING = [field.name for field in dataclasses.fields(PrepareSettings)]


def shared_records(
    settings: TrainSettings,
    directory: pathlib.Path,
    checkpoint: Checkpoint,
    screen: Screen,
) -> pathlib.Path:
    """Gives the records for a trial's settings; the first that asks makes them.

    Args:
        settings: of training. Their `data` may be prepared already.
        directory: holds all records of the sweep, of any process that works on it.
        checkpoint: the encoder.
        screen: shows a bar while they are made.

    Raises:
        UserError: for every mistake of the source.
    """
    if is_prepared(settings.data):
        return pathlib.Path(settings.data)
    task = make_task(settings)
    # Who does the work changes nothing of them; what a task does by itself is said
    # only where it is not what it was before there was a choice.
    unsaid = {"processes", *option_names()}
    wishes = {n: getattr(settings, n) for n in _PREPARING if n not in unsaid}
    for name, earlier in task.reading_options.items():
        if getattr(task, name) != earlier:
            wishes[name] = getattr(task, name)
    digest = hashlib.sha256(json.dumps(wishes, sort_keys=True).encode()).hexdigest()
    target = directory / digest[:16]
    directory.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(directory / f"{target.name}.lock"):
        if not is_prepared(str(target)):
            make_records(settings, task, target, checkpoint, screen)
    return target


def check_prepared(settings: PrepareSettings, space: SearchSpace) -> None:
    """Refuses to search what comes too late for prepared records.

    Raises:
        UserError: if `data` is prepared and the space has what decides on records.
    """
    late = [name for name in space.dimensions if name in _PREPARING]
    if late and is_prepared(settings.data):
        raise UserError(
            f"The search space has {late[0]}, but --data '{settings.data}' is prepared "
            "already. Give the texts themselves, or leave it out of the space."
        )
