"""A vocabulary as masking sees it: which pieces are special, which go on a word."""

from collections.abc import Mapping

import numpy as np

from bert_cpu.errors import UserError
from bert_cpu.text.special_tokens import SPECIAL_TOKENS


class Pieces:
    """What there is to know of each id of a BERT vocabulary.

    Args:
        vocabulary: piece -> id, as a tokenizer's `get_vocab` gives it.

    Attributes:
        pad_id, cls_id, sep_id, mask_id: int.
        is_special: bool `(vocab_size,)`. True for the five special pieces, which
            are never masked.
        is_continuation: bool `(vocab_size,)`. True for pieces that go on a word.
        ordinary_ids: int32 `(n,)`. All that may stand in for a masked one: pieces
            that are neither special nor unused.

    Raises:
        UserError: if a special piece is missing.
    """

    def __init__(self, vocabulary: Mapping[str, int]):
        missing = [piece for piece in SPECIAL_TOKENS if piece not in vocabulary]
        if missing:
            raise UserError(
                f"The vocabulary has no {missing[0]}, but pre-training needs "
                f"{', '.join(SPECIAL_TOKENS)}. Choose a BERT vocabulary."
            )
        self.pad_id, _, self.cls_id, self.sep_id, self.mask_id = (
            vocabulary[piece] for piece in SPECIAL_TOKENS
        )
        size = max(vocabulary.values()) + 1
        self.is_special = np.zeros(size, bool)
        self.is_special[[vocabulary[piece] for piece in SPECIAL_TOKENS]] = True
        self.is_continuation = np.zeros(size, bool)
        is_ordinary = np.zeros(size, bool)
        for piece, number in vocabulary.items():
            self.is_continuation[number] = len(piece) > 2 and piece.startswith("##")
            is_ordinary[number] = not piece.startswith("[unused")
        self.ordinary_ids = np.flatnonzero(is_ordinary & ~self.is_special)
        self.ordinary_ids = self.ordinary_ids.astype(np.int32)
