"""The tasks by name. A new task is one new file and one new line here."""

from typing import Any

from bert_cpu.settings import PrepareSettings
from bert_cpu.task import Task
from bert_cpu.tasks.answer import AnswerQuestions
from bert_cpu.tasks.classify import Classify
from bert_cpu.tasks.embed import Embed
from bert_cpu.tasks.fill import Fill
from bert_cpu.tasks.multilabel import Multilabel
from bert_cpu.tasks.relate import Relate
from bert_cpu.tasks.score import Score
from bert_cpu.tasks.tag import Tag

TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        Classify,
        Multilabel,
        Score,
        Tag,
        Relate,
        AnswerQuestions,
        Embed,
        Fill,
    )
}


def make_task(settings: PrepareSettings) -> Task:
    """The task that settings ask for, with the options that they give.

    Raises:
        UserError: if a setting makes no sense for the task.
    """
    kind = TASKS[settings.task]
    # Preparing knows fewer settings than training, and needs no others.
    options = {name: getattr(settings, name, None) for name in kind.options}
    given = {name: value for name, value in options.items() if value is not None}
    task = kind(**given)
    task.check(settings)
    return task


def restore_task(name: str, options: dict[str, Any]) -> Task | None:
    """The task of a model that remembers its options; None if it is not known."""
    return TASKS[name](**options) if name in TASKS else None
