"""Answers texts, one by one, from a run or from a converted model."""

import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from bert_cpu.errors import Unanswerable, UserError
from bert_cpu.hardware.answering import Answering
from bert_cpu.runtime.read_ahead import ReadAhead
from bert_cpu.runtime.tflite_model import TFLiteModel
from bert_cpu.serving.answering_here import answering_here
from bert_cpu.task import Task
from bert_cpu.task_catalog import restore_task
from bert_cpu.task_names import TASK_NAMES

# A text and the second text, or None; or why there is none.
Text = tuple[str, str | None] | Unanswerable


def answer_texts(
    directory: str | os.PathLike[str],
    texts: Iterable[tuple[str, str | None]],
    threads: int | None = None,
    variant: str | None = None,
) -> Iterator[Any]:
    """Answers texts in their order, each as soon as it is read.

    There is one answer a text, so that line 7 of the output is of line 7 of the
    input: an empty text gets an empty answer, and the rest go on. At the first text
    that can't be answered it stops; `answer_with` can go on.

    Args:
        directory: a run's directory, or one that holds `model.json`.
        texts: pairs of a text and the second text, or None.
        threads: threads of one text. Default: as many as were measured to be fastest
            here, else the cores that this process may use.
        variant: "float32" or "int8". Default: the one chosen when converting, but
            not int8 where it was measured to be slower.

    Returns:
        Answers of the model's task; see the `Answer` of its file in `tasks`.

    Raises:
        UserError: if there is no model or no text; see also `TFLiteModel.open`
            and `TFLiteModel.answer`.
    """
    yield from answer_with(open_model(directory, threads, variant), texts)


def answer_with(
    model: TFLiteModel, texts: Iterable[Text], goes_on: bool = False
) -> Iterator[Any]:
    """As `answer_texts`, with a model that is open: it counts what it cuts.

    Args:
        model: is open.
        texts: pairs of a text and the second text, or None. In place of a text that
            could not be read, the `Unanswerable` that says why.
        goes_on: give `Unanswerable` in place of the answer to a text that has none.
            Default: raise it, with the number of the text.
    """
    position = 0
    for position, text in enumerate(texts, start=1):
        try:
            if isinstance(text, Unanswerable):
                raise text
            answer = model.answer(*text)
        except UserError as error:
            if not (goes_on and isinstance(error, Unanswerable)):
                raise UserError(f"Text {position}: {error}") from None
            answer = error
        yield answer
    if position == 0:
        raise UserError("There is no text to answer. Give at least one.")


def open_model(
    directory: str | os.PathLike[str],
    threads: int | None = None,
    variant: str | None = None,
    answering: Answering | None = None,
    reading: ReadAhead | None = None,
) -> TFLiteModel:
    """Opens the converted model of a run.

    Args:
        directory, threads, variant: see `answer_texts`.
        answering: how this machine answers. Default: from `answering_here`.
        reading: of the model's file, if it has begun; see `begin_reading`.

    Raises:
        UserError: if there is none, or of a task that this program can't answer.
    """
    directory = _with_model(pathlib.Path(directory))

    def restore(name: str, options: dict[str, Any]) -> Task:
        task = restore_task(name, options)
        if task is None:
            raise UserError(
                f"'{directory}' has a model for the task '{name}', but this program "
                f"answers: {', '.join(TASK_NAMES)}. Use a newer version of bert_cpu."
            )
        return task

    if answering is None:
        answering, _ = answering_here(threads or 0)
    # A container may ship one of the variants.
    has_float32 = (directory / "float32.tflite").exists()
    if variant is None and answering.refuses_int8 and has_float32:
        variant = "float32"
    threads = threads or answering.threads
    return TFLiteModel.open(directory, restore, threads, variant, reading)


def _with_model(directory: pathlib.Path) -> pathlib.Path:
    """The directory with the model's files: `directory`, or the one of that run."""
    if directory.is_file():
        raise UserError(
            f"'{directory}' is a file, but a directory with a converted model was "
            "expected. Name a run, such as runs/NAME."
        )
    if not directory.is_dir():
        raise UserError(
            f"There is no directory '{directory}'. Name a run, such as runs/NAME."
        )
    if (directory / "model.json").exists():
        return directory
    if (directory / "tflite").is_dir():
        return directory / "tflite"
    if any((directory / part).is_dir() for part in ("checkpoints", "bundle")):
        raise UserError(
            f"'{directory}' has no converted model. Run "
            f"`make tflite NAME={directory.resolve().name}` first."
        )
    raise UserError(
        f"'{directory}' has no converted model (no model.json), and is no run that "
        "could be converted. Name a run, such as runs/NAME."
    )
