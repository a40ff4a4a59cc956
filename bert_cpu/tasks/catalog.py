"""The tasks by name. A new task is one new file and one new line here."""

import importlib
from typing import TYPE_CHECKING, Any

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
        UserError: if a setting makes no sense for the task.
    """
    kind = task_class(settings.task)
    # Preparing knows fewer settings than training, and needs no others.
    options = {name: getattr(settings, name, "auto") for name in kind.options}
    given = {name: value for name, value in options.items() if value != "auto"}
    task = kind(**given)
    task.check(settings)
    return task


def restore_task(name: str, options: dict[str, Any]) -> Task | None:
    """The task of a model that remembers its options; None if it is not known."""
    return task_class(name)(**options) if name in TASKS else None
