"""Where a piece of a text begins and ends to the eye."""

import unicodedata


def visible_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Moves the ends of a span to where a reader sees them.

    A tokenizer drops accents that stand behind their letter, selectors of an emoji's
    look, control characters and byte order marks, so that the tokens of a word may
    end before its last accent does. And whoever marks spans may have taken white
    space along. Here either becomes the same span: it holds the marks of its last
    letter, and no mark of a letter before it, no white space and no unseen character
    at its ends. Doing it twice changes nothing.

    Args:
        text: str.
        start, end: int. Characters; the end is exclusive.

    Returns:
        The new start and end; the same ones, if nothing in the span can be seen.

    Example:
    >>> visible_span("un cafe\u0301 \ufeff", 2, 7)
    (3, 8)
    """
    first, last = start, end
    while last > first and _is_unseen(text[last - 1]):
        last -= 1
    while first < last and (_is_unseen(text[first]) or _is_mark(text[first])):
        first += 1
    if first == last:
        return start, end
    place = last
    while place < len(text) and (_is_mark(text[place]) or _is_control(text[place])):
        place += 1
        if _is_mark(text[place - 1]):
            last = place
    return first, last


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"


def _is_control(character: str) -> bool:
    """Whether it shows nothing and parts no words: what tokenizers drop."""
    kind = unicodedata.category(character)
    return kind in ("Cc", "Cf", "Co") and not character.isspace()


def _is_unseen(character: str) -> bool:
    return character.isspace() or _is_control(character)
