"""Answers texts, one by one, from a run or from a converted model."""

import os
import pathlib
from collections.abc import Iterable, Iterator

from bert_cpu.errors import UserError
from bert_cpu.runtime.classify import Answer, classify
from bert_cpu.runtime.tflite_model import TFLiteModel

# task of model.json -> function of a model, a text and a text_pair.
ANSWERERS = {"classify": classify}


def answer_texts(
    directory: str | os.PathLike[str],
    texts: Iterable[tuple[str, str | None]],
    threads: int | None = None,
    variant: str | None = None,
) -> Iterator[Answer]:
    """Answers texts in their order, each as soon as it is read.

    There is one answer a text, so that line 7 of the output is of line 7 of the
    input: an empty text gets an answer without a label, and the rest go on.

    Args:
        directory: a run's directory, or one that holds `model.json`.
        texts: pairs of a text and the second text, or None.
        threads: threads of one text. Default: the cores this process may use.
        variant: "float32" or "int8". Default: the one chosen when converting.

    Raises:
        UserError: if there is no model or no text; see also `TFLiteModel.open`
            and `TFLiteModel.run`.
    """
    yield from answer_with(open_model(directory, threads, variant), texts)


def answer_with(
    model: TFLiteModel, texts: Iterable[tuple[str, str | None]]
) -> Iterator[Answer]:
    """As `answer_texts`, with a model that is open: it counts what it cuts."""
    answer = ANSWERERS[model.task]
    position = 0
    for position, (text, text_pair) in enumerate(texts, start=1):
        try:
            yield answer(model, text, text_pair)
        except UserError as error:
            raise UserError(f"Text {position}: {error}") from None
    if position == 0:
        raise UserError("There is no text to answer. Give at least one.")


def open_model(
    directory: str | os.PathLike[str],
    threads: int | None = None,
    variant: str | None = None,
) -> TFLiteModel:
    """Opens the converted model of a run.

    Args:
        directory, threads, variant: see `answer_texts`.

    Raises:
        UserError: if there is none, or of a task that this program can't answer.
    """
    directory = pathlib.Path(directory)
    if not directory.is_dir():
        raise UserError(
            f"There is no directory '{directory}'. Name a run, such as runs/NAME."
        )
    if not (directory / "model.json").exists():
        directory = directory / "tflite"
        if not directory.is_dir():
            raise UserError(
                f"'{directory.parent}' has no converted model. Run "
                f"`make tflite NAME={directory.parent.resolve().name}` first."
            )
    model = TFLiteModel.open(directory, threads, variant)
    if model.task not in ANSWERERS:
        raise UserError(
            f"'{directory}' has a model for the task '{model.task}', but this program "
            f"answers: {', '.join(ANSWERERS)}. Use a newer version of bert_cpu."
        )
    return model
