"""Hides words of a text for good, so that any two models are asked the same."""

import dataclasses
import hashlib

import numpy as np
from tokenizers import Tokenizer

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.text.special_tokens import MASK, UNKNOWN

# Masks in one text, or in one window of a long one.
MOST_MASKS = 8
# Of a text's tokens.
SHARE_HIDDEN = 0.15


def hide_words(example: Example, tokenizer: Tokenizer) -> Example:
    """Puts `[MASK]` in place of words, the same for the same text.

    About 15 % of the tokens are hidden, at least one and at most `MOST_MASKS`:
    always whole words, with one `[MASK]` for each token of a word. In Chinese every
    character is a word to BERT.

    Args:
        example: its label is None; or the text has masks, and the label is a list
            of the hidden words.
        tokenizer: the encoder's. Nothing behind the place where it cuts is hidden.

    Returns:
        An Example whose label is the list of hidden tokens, one for each mask. It is
        empty if there was no word to hide.

    Raises:
        UserError: if the words don't fit the masks, or the tokenizer has no mask.
    """
    if tokenizer.token_to_id(MASK) is None:
        raise UserError(
            f"The encoder's tokenizer has no {MASK}, so it can't be trained to fill "
            "it. Choose another encoder."
        )
    if MASK in example.text:
        return dataclasses.replace(example, label=_tokens_given(example, tokenizer))
    encoding = tokenizer.encode(example.text)
    words: dict[int, list[int]] = {}
    for position, word in enumerate(encoding.word_ids):
        if word is not None:
            words.setdefault(word, []).append(position)
    num_tokens = sum(map(len, words.values()))
    most = min(MOST_MASKS, max(1, round(num_tokens * SHARE_HIDDEN)))
    seed = hashlib.sha256(example.text.encode()).digest()[:8]
    random = np.random.default_rng(int.from_bytes(seed))
    hidden: list[int] = []
    for word in random.permutation(list(words)).tolist():
        pieces = words[word]
        fits = len(hidden) + len(pieces) <= (most if hidden else MOST_MASKS)
        is_known = all(encoding.tokens[piece] != UNKNOWN for piece in pieces)
        if fits and is_known:
            hidden += pieces
    hidden.sort()
    text = example.text
    for position in reversed(hidden):
        start, end = encoding.offsets[position]
        text = text[:start] + MASK + text[end:]
    label = [encoding.tokens[position] for position in hidden]
    return dataclasses.replace(example, text=text, label=label)


def _tokens_given(example: Example, tokenizer: Tokenizer) -> list[str]:
    num_masks, words = example.text.count(MASK), example.label or []
    if len(words) != num_masks or num_masks > MOST_MASKS:
        raise UserError(
            f"{example.position} has {num_masks} {MASK} in its text and {len(words)} "
            f"words for them, but as many were expected, and {MOST_MASKS} at most. "
            "Mend the row."
        )
    tokens = []
    for word in words:
        pieces = tokenizer.encode(word, add_special_tokens=False).tokens
        if tokenizer.token_to_id(word) is not None:
            pieces = [word]  # Also a piece as the vocabulary has it: ##ly.
        if len(pieces) != 1 or pieces == [UNKNOWN]:
            raise UserError(
                f"{example.position} has the word '{word}' for a {MASK}, but this "
                f"encoder reads it as {' '.join(pieces)}. Give a word of its "
                f"vocabulary, or a {MASK} for each of these pieces."
            )
        tokens += pieces
    return tokens
