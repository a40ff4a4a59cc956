"""Reads texts as `WindowReader` does, and remembers the tokens of their words."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer

from bert_cpu.text.chunk_ids import ChunkIds, parts_at_spaces
from bert_cpu.text.windows import Pair, Reading, WindowReader

# A tokenizer reads so many in the time in which a memory of its words is made.
_MANY_CHARACTERS = 100_000


@dataclasses.dataclass(slots=True)
class Tokens:
    """What there is of an `Encoding` without places in a text."""

    ids: list[int]  # (length,)
    n_sequences: int = 1

    @property
    def type_ids(self) -> list[int]:
        return [0] * len(self.ids)

    def __len__(self) -> int:
        return len(self.ids)


class RememberingReader:
    """Reads many single texts faster than a tokenizer does, to the same ids.

    Pairs, and texts whose words are always new (of scripts without spaces), are
    read by the tokenizer.

    Args:
        make_plain: makes the reader of what it can't read, once there is any. That one
            cuts long texts.
        tokenizer: the one of that reader; it neither pads nor cuts, `is_remembered`,
            and is left as it is.
        max_length: int. Tokens in a window, special ones included.
        clean: what is done to a text first.
    """

    def __init__(
        self,
        make_plain: Callable[[], WindowReader],
        tokenizer: Tokenizer,
        max_length: int,
        clean: Callable[[str], str],
    ):
        self._plain = functools.cache(make_plain)
        self._chunk_ids = ChunkIds(tokenizer)
        self._first, self._last = ([each] for each in tokenizer.encode("").ids)
        self._most = max_length - 2
        self._clean = clean

    def __call__(self, pairs: Sequence[Pair]) -> list[Reading]:
        """See `WindowReader`."""
        if not self._chunk_ids.pays or any(second is not None for _, second in pairs):
            return self._plain()(pairs)
        try:
            read = self._chunk_ids([self._clean(text) for text, _ in pairs])
        except (UnicodeEncodeError, TypeError):
            return self._plain()(pairs)  # It says what is wrong.
        first, last, most = self._first, self._last, self._most
        windows: list[Any] = [Tokens(first + ids[:most] + last) for ids in read]
        return [
            Reading([window], len(ids) > most)
            for window, ids in zip(windows, read, strict=True)
        ]


def is_remembered(
    tokenizer: Tokenizer,
    too_long: str = "cut",
    reads_apart: bool = False,
    stand_ins: Mapping[str, str] | None = None,
) -> bool:
    """Whether texts read by this tokenizer can be put together from its words.

    Args:
        tokenizer: that neither pads nor cuts.
        too_long, reads_apart, stand_ins: see `WindowReader`.
    """
    if too_long != "cut" or reads_apart or stand_ins:
        return False
    empty, text = tokenizer.encode(""), tokenizer.encode("a")
    return (
        parts_at_spaces(tokenizer)
        # [CLS] and [SEP], around each text.
        and len(empty) == 2
        and [text.ids[0], text.ids[-1]] == empty.ids
        and not any(empty.type_ids + text.type_ids)
    )


class RememberingLater:
    """Reads by a plain reader, and remembers words once there were many texts.

    To begin with remembering takes some 30 ms, which few texts would not give back.

    Args:
        plain: reads until then, and what can't be put together from words.
        make: makes the reader that remembers; called once, or never. None if there
            is none.
    """

    def __init__(
        self,
        plain: Callable[[Sequence[Pair]], list[Reading]],
        make: Callable[[], RememberingReader | None],
    ):
        self._read = plain
        self._make = make
        self._characters_left = _MANY_CHARACTERS

    def __call__(self, pairs: Sequence[Pair]) -> list[Reading]:
        """See `WindowReader`."""
        if self._characters_left > 0:
            self._characters_left -= sum(
                len(text) for text, second in pairs if second is None
            )
            if self._characters_left <= 0:
                self._read = self._make() or self._read
        return self._read(pairs)
