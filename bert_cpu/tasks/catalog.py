"""The tasks by name. A new one is a file, a line here, and a name in `TaskName`."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bert_cpu.errors import UserError
from bert_cpu.task import Task

if TYPE_CHECKING:
    from bert_cpu.settings import PrepareSettings

# Name -> module in this folder, and class in it. A process that answers imports the
# one task that it needs: all of them take a tenth of its time.
TASKS = {
    "classify": ("classify", "Classify"),
    "multilabel": ("multilabel", "Multilabel"),
    "score": ("score", "Score"),
    "tag": ("tag", "Tag"),
    "relate": ("relate", "Relate"),
    "answer": ("answer", "AnswerQuestions"),
    "embed": ("embed", "Embed"),
    "fill": ("fill", "Fill"),
}
# The `options` of all of them together.
OPTIONS = ("pooling", "entity_marks")


def task_class(name: str) -> type[Task]:
    """The class of the task with this name.

    Raises:
        KeyError: if there is none.
    """
    module, kind = TASKS[name]
    return getattr(importlib.import_module(f"bert_cpu.tasks.{module}"), kind)


def make_task(settings: "PrepareSettings") -> Task:
    """The task that settings ask for, with the options that they give.

    Raises:
        UserError: if a setting makes no sense for the task, or it has no such option.
    """
    kind = task_class(settings.task)
    # Preparing knows fewer settings than training, and needs no others.
    options = {name: getattr(settings, name, "auto") for name in OPTIONS}
    given = {name: value for name, value in options.items() if value != "auto"}
    for name in given.keys() - set(kind.options):
        raise UserError(
            f"--{name.replace('_', '-')} is {given[name]}, but --task {settings.task} "
            "has no such choice. Leave the option out."
        )
    task = kind(**given)
    task.check(settings)
    return task


def restore_task(name: str, options: Mapping[str, Any]) -> Task | None:
    """The task of a model that remembers its options; None if it is not known."""
    if name not in TASKS:
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
