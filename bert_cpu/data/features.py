"""From examples to token ids and targets, many at a time."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer

from bert_cpu.example import Example
from bert_cpu.task import Task
from bert_cpu.text.preprocess import Preprocess
from bert_cpu.text.remembering_reader import RememberingReader, is_remembered
from bert_cpu.text.windows import Pair, Reading, WindowReader, as_uncut

# Enough texts that the tokenizer's threads have work, few enough to hold.
_BATCH_SIZE = 1000


# Not frozen: of these there are several for each text, and a frozen one takes three
# times as long to make.
@dataclasses.dataclass(slots=True)
class Window:
    """One window of an example as BERT reads it, with what is to be learned."""

    input_ids: list[int]  # (length,)
    token_type_ids: list[int]  # (length,) 0 in the first text, 1 in the second.
    targets: dict[str, Any]


@dataclasses.dataclass(slots=True)
class Features:
    """All that is learned from one example."""

    example: Example
    windows: list[Window]  # None of them: there is nothing to learn from it.
    is_cut: bool  # Something of the texts is in no window, or no window is of use.
    is_empty: bool  # A text left no token beside the special ones.


class Featurizer:
    """Turns examples into features: preprocess, WordPiece, windows, targets.

    Args:
        task: what is to be learned.
        labels: name -> id.
        tokenizer: the encoder's. It is left as it is.
        max_length: int. Tokens in the longest sequence.
        stride: int. Tokens that neighbouring windows of a text share, in tasks
            that lay windows over texts.
        preprocess: what to do to a text before it is tokenized.
    """

    def __init__(
        self,
        task: Task,
        labels: Mapping[str, int],
        tokenizer: Tokenizer,
        max_length: int,
        stride: int = 0,
        preprocess: Preprocess | None = None,
    ):
        self._task = task
        self._labels = labels
        clean = preprocess or Preprocess()
        stand_ins = task.stand_ins(tokenizer)
        make_plain = functools.partial(
            WindowReader,
            tokenizer,
            max_length,
            task.too_long,
            stride,
            task.reads_apart,
            clean,
            stand_ins,
        )
        own = as_uncut(tokenizer)
        self._read: Callable[[Sequence[Pair]], list[Reading]]
        if is_remembered(own, task.too_long, task.reads_apart, stand_ins):
            self._read = RememberingReader(make_plain, own, max_length, clean)
        else:
            self._read = make_plain()

    def __call__(self, examples: Iterable[Example]) -> Iterator[Features]:
        """Yields the features of each example, in order."""
        rest = iter(examples)
        while batch := list(itertools.islice(rest, _BATCH_SIZE)):
            yield from self._encode(batch)

    def _encode(self, batch):
        readings = self._read([(each.text, each.text_pair) for each in batch])
        for example, reading in zip(batch, readings, strict=True):
            targets = None
            is_empty = reading.is_empty
            if not is_empty:
                targets = self._task.encode(
                    example, reading.windows, reading.apart, self._labels
                )
            # Of an example that is left out there are windows, but no targets.
            pairs = zip(reading.windows, targets, strict=True) if targets else ()
            windows = [Window(each.ids, each.type_ids, aims) for each, aims in pairs]
            is_lost = not windows and not is_empty
            yield Features(example, windows, reading.is_cut or is_lost, is_empty)
