"""Tokens of a corpus put together again to the text that they were cut from."""

import re
from collections.abc import Sequence

# Chinese characters, and the punctuation among them. Not wide letters and digits,
# nor kana: a tokenizer that reads words at spaces would take two of those for one.
_CHINESE = re.compile(
    "[\u3001-\u3003\u3008-\u3020\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\U00020000-\U0002ceaf]"
)


def join_tokens(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Joins tokens as their language writes them.

    There is a space between two tokens, but none between two that meet with Chinese
    characters. Where a Chinese sentence is cut into single characters, its digits and
    letters are, too, so that it is joined without any.

    Args:
        tokens: none of them empty.

    Returns:
        The text, and each token's start and end in it, in characters.

    Example:
    >>> join_tokens(["Mr.", "Wu"])
    ('Mr. Wu', [(0, 3), (4, 6)])
    >>> join_tokens(["吴", "先生"])
    ('吴先生', [(0, 1), (1, 3)])
    """
    are_characters = all(len(token) == 1 for token in tokens) and any(
        _CHINESE.match(token) for token in tokens
    )
    text = ""
    places = []
    for token in tokens:
        meet = text and _CHINESE.match(text[-1]) and _CHINESE.match(token)
        if text and not (are_characters or meet):
            text += " "
        places.append((len(text), len(text) + len(token)))
        text += token
    return text, places
