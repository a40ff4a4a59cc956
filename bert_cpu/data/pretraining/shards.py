"""Shards of one length, and what is to be known to read them."""

import dataclasses
import pathlib

from bert_cpu.data.pretraining.pieces import Pieces


@dataclasses.dataclass(frozen=True)
class Shards:
    """Records of one split, all of one length.

    Args:
        paths: the files, in order.
        examples: int. Records in all of them.
        length: int. Tokens in each sequence, padding included.
        max_predictions: int. Places for tokens to guess in each record.
        pieces: of the vocabulary whose ids they hold.
    """

    paths: tuple[pathlib.Path, ...]
    examples: int
    length: int
    max_predictions: int
    pieces: Pieces
