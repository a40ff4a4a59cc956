"""What WordPiece in C++ must know of a tokenizer, to read ASCII as it does."""

import json
from typing import NamedTuple

from tokenizers import Tokenizer


class AsciiWords(NamedTuple):
    """The rules of a tokenizer of BERT's kind, as far as they bear on ASCII.

    Accents, Chinese characters and what else it knows of are not in ASCII. The order
    of the fields is that of `bert_cpu/native/prepare/chunk_memory.cc`.
    """

    vocabulary: dict[str, int]
    unknown_id: int
    prefix: str  # Of a piece that goes on with a word.
    longest: int  # Letters; a longer word is unknown.
    lowers: bool  # Large letters are read as small ones.
    own: list[str]  # Words that are looked for before all else, such as [MASK].


def ascii_words(tokenizer: Tokenizer) -> AsciiWords | None:
    """Gives the rules, or None for a vocabulary that has no word for unknown ones.

    Args:
        tokenizer: one that `parts_at_spaces`.
    """
    rules = json.loads(tokenizer.to_str())
    model = rules["model"]
    unknown_id = model["vocab"].get(model["unk_token"])
    if unknown_id is None:
        return None
    return AsciiWords(
        model["vocab"],
        unknown_id,
        model["continuing_subword_prefix"],
        model["max_input_chars_per_word"],
        rules["normalizer"]["lowercase"],
        [added["content"] for added in rules["added_tokens"]],
    )
