"""Writes words into a text, as its language would have them stand."""

from collections.abc import Iterator, Sequence

from bert_cpu.text.special_tokens import MASK


def fill_in(text: str, places: Sequence[int], words: Sequence[str]) -> str:
    """Puts a word in place of each `[MASK]`.

    Args:
        text: with masks.
        places: where they begin, in order.
        words: one for each place, as the vocabulary spells it. `##ly` is joined to
            what stands before it, with or without a space.

    Example:
    >>> fill_in("[MASK][MASK] is love [MASK]", [0, 6, 21], ["the", "film", "##ly"])
    'the film is lovely'
    """
    parts: list[str] = []
    end = 0
    for place, word in zip(places, words, strict=True):
        parts += _joined(parts, text[end:place], word)
        end = place + len(MASK)
    return "".join(parts) + text[end:]


def _joined(parts: Sequence[str], between: str, word: str) -> Iterator[str]:
    """What to write behind `parts`: the text up to a mask, and the mask's word."""
    if word.startswith("##"):
        yield between.rstrip()
        yield word.removeprefix("##")
        return
    if parts and not between and _is_spaced(parts[-1][-1:]) and _is_spaced(word[:1]):
        between = " "  # [MASK][MASK] can be two words.
    yield between
    yield word


def _is_spaced(character: str) -> bool:
    """Whether words of such letters have spaces between them: not so in Chinese."""
    return character.isalnum() and character < "\u2e80"
