"""Words that stand together, with nothing between them."""

import re
from collections.abc import Iterator, Sequence

from bert_cpu.text.is_chinese import is_chinese
from bert_cpu.text.words import Word

# What is written so is one thing, whatever words it is put together of.
_ADDRESS = re.compile(r"\w+://|www\.", re.IGNORECASE)
# Punctuation and brackets behind it are not of it.
_AROUND = ".,;:!?'\")]}>»”’…"


def word_runs(words: Sequence[Word], text: str) -> Iterator[tuple[int, int]]:
    """Parts words where there is space, or anything else, between two.

    Each Chinese character is alone.

    Args:
        words: of `text`, in order.
        text: what their places are in.

    Yields:
        The numbers of the first word of a run and of the one behind its last.

    Example:
    >>> words = [Word(0, 1, []), Word(1, 4, []), Word(5, 7, [])]
    >>> list(word_runs(words, "@ann is"))
    [(0, 2), (2, 3)]
    """
    first = 0
    for index in range(1, len(words) + 1):
        if index < len(words):
            before, word = words[index - 1], words[index]
            meet = text[before.end - 1], text[word.start]
            if before.end == word.start and not any(map(is_chinese, meet)):
                continue
        if words:
            yield first, index
        first = index


def join_addresses(words: Sequence[Word], text: str) -> list[Word]:
    """Makes one word of the words of a web address, read where its first one is."""
    joined: list[Word] = []
    for first, behind in word_runs(words, text):
        run = words[first:behind]
        found = _ADDRESS.search(text, run[0].start, run[-1].end)
        if found is None:
            joined += run
            continue
        # What is around it are words of their own.
        end = len(text[: run[-1].end].rstrip(_AROUND))
        address = [w for w in run if found.start() < w.end and w.start < end]
        joined += run[: run.index(address[0])]
        joined.append(Word(address[0].start, address[-1].end, address[0].places))
        joined += run[run.index(address[-1]) + 1 :]
    return joined
