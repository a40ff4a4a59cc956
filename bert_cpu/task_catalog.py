"""The tasks by name: each is found by its file in `tasks/`, and by nothing else."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bert_cpu.errors import UserError
from bert_cpu.task import Task
from bert_cpu.task_names import TASK_NAMES

if TYPE_CHECKING:
    from bert_cpu.settings import PrepareSettings


def task_class(name: str) -> type[Task]:
    """The class of the task with this name.

    Its file is imported, and no other: all of them take a tenth of the time of a
    process that answers one text.

    Args:
        name: one of `TASK_NAMES`.

    Raises:
        UserError: if its file defines no such task.
    """
    module = importlib.import_module(f"bert_cpu.tasks.{name}")
    for kind in vars(module).values():
        is_task = isinstance(kind, type) and issubclass(kind, Task)
        # A file may import another task, to build on it.
        if is_task and getattr(kind, "name", None) == name:
            return kind
    raise UserError(
        f"'{module.__file__}' has no subclass of Task whose name is '{name}'. Give it "
        "one; what is no task belongs into the folder parts beside it."
    )


def option_names() -> set[str]:
    """The `options` of all tasks together."""
    return {option for name in TASK_NAMES for option in task_class(name).options}


def make_task(settings: "PrepareSettings") -> Task:
    """The task that settings ask for, with the options that they give.

    Raises:
        UserError: if a setting makes no sense for the task, or it has no such option.
    """
    kind = task_class(settings.task)
    # Preparing knows fewer settings than training, and needs no others.
    options = {name: getattr(settings, name, "auto") for name in option_names()}
    given = {name: value for name, value in options.items() if value != "auto"}
    for name in sorted(given.keys() - set(kind.options)):
        raise UserError(
            f"--{name.replace('_', '-')} is {given[name]}, but --task {settings.task} "
            "has no such choice. Leave the option out."
        )
    task = kind(**given)
    task.check(settings)
    return task


def restore_task(name: str, options: Mapping[str, Any]) -> Task | None:
    """The task of a model that remembers its options; None if it is not known."""
    if name not in TASK_NAMES:
        return None
    kind = task_class(name)
    return kind(**{**kind.reading_options, **options})


def task_of_records(task: Task, reading: Mapping[str, Any]) -> Task:
    """The task that reads texts as records were made, and is else as it was given.

    Args:
        task: as settings ask for it.
        reading: `Manifest.reading` of the records.

    Raises:
        UserError: if it names what the task has no choice of.
    """
    if not set(reading) <= set(task.reading_options):
        raise UserError(
            f"The records were made with {', '.join(map(str, reading))} chosen, which "
            f"--task {task.name} does not know. Prepare the data again."
        )
    own = {name: getattr(task, name) for name in task.options}
    return type(task)(**{**own, **task.reading_options, **reading})
