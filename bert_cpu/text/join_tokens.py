"""Tokens of a corpus put together again to the text that they were cut from."""

from collections.abc import Sequence

from bert_cpu.text.is_chinese import is_chinese


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
        is_chinese(token) for token in tokens
    )
    text = ""
    places = []
    for token in tokens:
        meet = text and is_chinese(text[-1]) and is_chinese(token)
        if text and not (are_characters or meet):
            text += " "
        places.append((len(text), len(text) + len(token)))
        text += token
    return text, places
