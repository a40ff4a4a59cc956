"""The words that a text's tokens are pieces of, over all of its windows."""

import dataclasses
from collections.abc import Sequence

from tokenizers import Encoding


@dataclasses.dataclass(slots=True)
class Word:
    """What the tokenizer parts at spaces and punctuation, before it makes pieces.

    A Chinese character is a word, too.

    Args:
        start, end: int. Characters of the text that its tokens come from.
        places: where its first piece is: numbers of a window and of a token in it.
            A word where windows overlap is in several.
    """

    start: int
    end: int
    places: list[tuple[int, int]]


def read_words(windows: Sequence[Encoding]) -> list[Word]:
    """All words of a text, in order.

    Args:
        windows: of one text, in order, each beginning within or right behind the one
            before. A window may begin or end within a word.
    """
    words: dict[int, Word] = {}
    for number, window in enumerate(windows):
        before = None
        for token, (word, (start, end)) in enumerate(
            zip(window.word_ids, window.offsets, strict=True)
        ):
            if word is None:  # A special token.
                continue
            known = words.setdefault(word, Word(start, end, []))
            # A later window may begin with a further piece of the word.
            if word != before and start == known.start:
                known.places.append((number, token))
            known.end = max(known.end, end)
            before = word
    return list(words.values())
