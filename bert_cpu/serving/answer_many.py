"""Answers many texts that are all there, with every core on a text of its own."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from bert_cpu.errors import Unanswerable, UserError
from bert_cpu.example import Example
from bert_cpu.runtime.tflite_model import TFLiteModel
from bert_cpu.serving.answer import Text, answer_with
from bert_cpu.text.windows import Reading

if TYPE_CHECKING:
    from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
    from bert_cpu.runtime.interpreter_pool import InterpreterPool, Pending

# Texts that are tokenized at once.
BLOCK = 128
# Blocks that are begun before the first of them is waited for: no interpreter waits for
# the slowest text of a block, or for the next block's tokens.
AHEAD = 4
# With fewer a core, opening more interpreters takes longer than they save.
FEW = 16


def answer_many(
    model: TFLiteModel,
    texts: Iterable[Text],
    instances: int,
    threads: int = 1,
    goes_on: bool = False,
) -> Iterator[Any]:
    """As `answer_with`: the same answers in the same order, more of them a second.

    Texts are read in blocks, so that the first answer comes later: what somebody
    types, or a program pipes in while it waits, is for `answer_with`.

    Args:
        model: is open; it counts what it cuts.
        texts, goes_on: see `answer_with`.
        instances: interpreters that run side by side; with one, the model's own
            interpreter answers.
        threads: threads of each of them.

    Returns:
        Answers of the model's task.

    Raises:
        UserError: as `answer_with`, behind the answers of the texts before.
    """
    num_first = FEW * instances
    first, rest = _begin(iter(texts), num_first)
    everything = itertools.chain(first, rest)
    if instances == 1 or len(first) < num_first:
        yield from answer_with(model, everything, goes_on)
        return
    position = 0
    pool = model.pool(instances, threads)
    try:
        for answers, error in _begun(model, pool, everything):
            for answer in answers:
                position += 1
                is_told = goes_on and isinstance(answer, Unanswerable)
                if isinstance(answer, UserError) and not is_told:
                    raise UserError(f"Text {position}: {answer}")
                yield answer
            if error is not None:
                raise error
    except BaseException:
        # Nobody waits any more for the rest.
        model.close_pool()
        raise


def _begin(texts: Iterator[Text], number: int) -> tuple[list[Text], Iterator[Text]]:
    """The first texts, and the others: those may begin with why there are none."""
    first: list[Text] = []
    try:
        for text in itertools.islice(texts, number):
            first.append(text)
    except Exception as error:  # Raised again behind the answers to the first.
        return first, _stopped_by(error)
    return first, texts


def _stopped_by(error: Exception) -> Iterator[Text]:
    raise error
    yield  # A generator raises when it is asked, not when it is made.


def _begun(
    model: TFLiteModel, pool: "InterpreterPool", texts: Iterator[Text]
) -> Iterator[tuple[Iterator[Any], Exception | None]]:
    """Yields the answers to each block, when others behind it have begun."""
    begun: deque[tuple[Iterator[Any], Exception | None]] = deque()
    for block, error in _blocks(texts):
        begun.append((_begin_block(model, pool, block), error))
        if len(begun) == AHEAD:
            yield begun.popleft()
    yield from begun


def _blocks(
    texts: Iterator[Text],
) -> Iterator[tuple[list[Example | Unanswerable], Exception | None]]:
    """Yields blocks; the last with the error at which the source stopped."""
    while True:
        block: list[Example | Unanswerable] = []
        try:
            for text in itertools.islice(texts, BLOCK):
                if isinstance(text, Unanswerable):
                    block.append(text)
                else:
                    block.append(Example(*text, None, ""))
        except Exception as error:  # Raised again when the block is answered.
            yield block, error
            return
        if not block:
            return
        yield block, None


def _begin_block(
    model: TFLiteModel, pool: "InterpreterPool", block: list[Example | Unanswerable]
) -> Iterator[Any]:
    """Has a block answered; yields the answers, or why there is none, as they come."""
    readings = _read(model, block)
    there = [
        (example, reading)
        for example, reading in zip(block, readings, strict=True)
        if isinstance(example, Example) and isinstance(reading, Reading)
    ]
    pending = pool.submit(
        lambda interpreter, each: _answer(model, interpreter, *each),
        there,
        [_num_tokens(reading) for _, reading in there],
    )
    return _answers(model, readings, pending)


def _answer(
    model: TFLiteModel,
    interpreter: "BucketedInterpreter",
    example: Example,
    reading: Reading,
) -> Any:
    try:
        return model.answer_reading(interpreter, example, reading).answer
    except UserError as error:  # In the place of the answer.
        return error


def _answers(
    model: TFLiteModel,
    readings: list[Reading | UserError],
    pending: "list[Pending[Any]]",
) -> Iterator[Any]:
    left = iter(pending)
    for reading in readings:
        if isinstance(reading, UserError):
            yield reading
            continue
        answer = next(left).result()
        model.count(reading)
        yield answer


def _read(
    model: TFLiteModel, block: list[Example | Unanswerable]
) -> list[Reading | UserError]:
    """The tokens of all texts at once, which is faster, or else of each alone."""
    examples = [each for each in block if isinstance(each, Example)]
    try:
        readings = iter(model.read_many(examples))
    except UserError:
        return [_read_alone(model, each) for each in block]
    return [
        each if isinstance(each, Unanswerable) else next(readings) for each in block
    ]


def _read_alone(
    model: TFLiteModel, example: Example | Unanswerable
) -> Reading | UserError:
    if isinstance(example, Unanswerable):
        return example
    try:
        (reading,) = model.read([example])
    except UserError as error:
        return error
    return reading


def _num_tokens(reading: Reading) -> int:
    apart = 0 if reading.apart is None else len(reading.apart)
    return apart + sum(len(window) for window in reading.windows)
