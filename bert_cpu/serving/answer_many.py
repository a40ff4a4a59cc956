"""Answers many texts that are all there, with every core on a text of its own."""

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.runtime.run_windows import run_windows
from bert_cpu.runtime.tflite_model import TFLiteModel
from bert_cpu.serving.answer import answer_with
from bert_cpu.text.windows import Reading

if TYPE_CHECKING:
    from bert_cpu.runtime.interpreter_pool import InterpreterPool

# Texts that are tokenized at once, and held in memory.
BLOCK = 512
# With fewer a core, opening more interpreters takes longer than they save.
FEW = 16


def answer_many(
    model: TFLiteModel,
    texts: Iterable[tuple[str, str | None]],
    instances: int,
    threads: int = 1,
) -> Iterator[Any]:
    """As `answer_with`: the same answers in the same order, more of them a second.

    Texts are read in blocks, so that the first answer comes later: what somebody
    types, or a program pipes in while it waits, is for `answer_with`.

    Args:
        model: is open; it counts what it cuts.
        texts: pairs of a text and the second text, or None.
        instances: interpreters that run side by side; with one, the model's own
            interpreter answers.
        threads: threads of each of them.

    Returns:
        Answers of the model's task.

    Raises:
        UserError: as `answer_with`, behind the answers of the texts before.
    """
    texts = iter(texts)
    first = list(itertools.islice(texts, FEW * instances))
    everything = itertools.chain(first, texts)
    if instances == 1 or len(first) < FEW * instances:
        yield from answer_with(model, everything)
        return
    position = 0
    pool = model.pool(instances, threads)
    try:
        for block, error in _blocks(everything):
            yield from _answer_block(model, pool, block, position)
            position += len(block)
            if error is not None:
                raise error
    except BaseException:
        # Nobody waits any more for the rest of the block.
        model.close_pool()
        raise


def _blocks(
    texts: Iterator[tuple[str, str | None]],
) -> Iterator[tuple[list[Example], Exception | None]]:
    """Yields blocks; the last with the error at which the source stopped."""
    while True:
        block: list[Example] = []
        try:
            for text, text_pair in itertools.islice(texts, BLOCK):
                block.append(Example(text, text_pair, None, ""))
        except Exception as error:  # Raised again when the block is answered.
            yield block, error
            return
        if not block:
            return
        yield block, None


def _answer_block(
    model: TFLiteModel, pool: "InterpreterPool", block: list[Example], position: int
) -> Iterator[Any]:
    readings, mistake = _read(model, block, position)
    outputs = pool.submit(
        lambda interpreter, reading: run_windows(interpreter, model.task, reading),
        readings,
        [_num_tokens(reading) for reading in readings],
    )
    for example, reading, future in zip(block, readings, outputs, strict=False):
        yield model.answer_reading(example, reading, future.result()).answer
    if mistake is not None:
        raise mistake


def _read(
    model: TFLiteModel, block: list[Example], position: int
) -> tuple[list[Reading], UserError | None]:
    """The tokens of all texts up to the first that can't be read."""
    try:
        return model.read(block), None
    except UserError:
        readings: list[Reading] = []
        for number, example in enumerate(block, start=position + 1):
            try:
                readings += model.read([example])
            except UserError as error:
                return readings, UserError(f"Text {number}: {error}")
        raise  # Together they can't be read, but each alone can: not the user's.


def _num_tokens(reading: Reading) -> int:
    apart = 0 if reading.apart is None else len(reading.apart)
    return apart + sum(len(window) for window in reading.windows)
