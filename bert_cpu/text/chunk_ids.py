"""The tokens of texts, from a memory of the tokens between two spaces.

A tokenizer of BERT's kind never joins what a space parts: a text's tokens are those of
its chunks, one behind the other. Most chunks of a text have been met before.
"""

import itertools
import json
from collections.abc import Sequence

from tokenizers import Tokenizer

# Chunks that are kept: some 50 MB. Then all are forgotten, and it begins anew.
_MOST_CHUNKS = 200_000
# A longer one (a text of a script without spaces) will hardly come again.
_LONGEST_KEPT = 64
# Share of characters in chunks that were not known, from which remembering doesn't
# pay, and how many batches in a row must be so.
_POOR_SHARE = 0.5
_POOR_BATCHES = 3
# What the normalizer makes a space of, whatever else it does.
_SPACES = str.maketrans("\n\r\t", "   ")


class ChunkIds:
    """Gives texts' ids without special tokens, exactly those that a tokenizer gives.

    Args:
        tokenizer: one that `parts_at_spaces`. It neither pads nor cuts.

    Attributes:
        pays: bool. False once so many chunks were new that the tokenizer alone would
            have been as fast.
    """

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        self._known: dict[str, tuple[int, ...]] = {}
        self._poor_batches = 0

    @property
    def pays(self) -> bool:
        return self._poor_batches < _POOR_BATCHES

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Reads many texts at once.

        Raises:
            UnicodeEncodeError, TypeError: if a text holds half of a surrogate pair.
        """
        chunked = [text.translate(_SPACES).split(" ") for text in texts]
        new = set(itertools.chain.from_iterable(chunked)).difference(self._known)
        self._learn(list(new))
        is_poor = sum(map(len, new)) > _POOR_SHARE * sum(map(len, texts))
        self._poor_batches = self._poor_batches + 1 if is_poor else 0
        known = self._known
        ids_of = known.__getitem__
        join = itertools.chain.from_iterable
        read = [list(join(map(ids_of, chunks))) for chunks in chunked]
        if len(known) > _MOST_CHUNKS:
            known.clear()
        else:
            for chunk in new:
                if len(chunk) > _LONGEST_KEPT:
                    del known[chunk]
        return read

    def _learn(self, chunks):
        encodings = self._tokenizer.encode_batch_fast(chunks, add_special_tokens=False)
        for chunk, encoding in zip(chunks, encodings, strict=True):
            self._known[chunk] = tuple(encoding.ids)


def parts_at_spaces(tokenizer: Tokenizer) -> bool:
    """Whether a text's tokens are those of its chunks between spaces, joined.

    It is so for the pipeline of BERT, with words of its own (such as [MASK]) that
    hold no white space and take none from beside them.
    """
    rules = json.loads(tokenizer.to_str())
    normalizer, pre_tokenizer = rules["normalizer"] or {}, rules["pre_tokenizer"] or {}
    return (
        normalizer.get("type") == "BertNormalizer"
        and normalizer.get("clean_text") is True
        and pre_tokenizer == {"type": "BertPreTokenizer"}
        and rules["model"].get("type") == "WordPiece"
        and not any(map(_may_reach_over_spaces, rules["added_tokens"]))
    )


def _may_reach_over_spaces(added):
    return (
        any(added[rule] for rule in ("single_word", "lstrip", "rstrip", "normalized"))
        or not added["content"]
        or any(letter.isspace() for letter in added["content"])
    )
