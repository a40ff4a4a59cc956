"""How often tokens stand near each other in pre-training records."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from bert_cpu.data.pretraining.records import parse_records
from bert_cpu.data.pretraining.shards import Shards

# Tokens to either side that count as near.
_WINDOW = 4
# Of larger corpora, every so many records are read: more changes the counts little.
_MOST_TOKENS = 20_000_000
_BATCH_SIZE = 4096


@dataclasses.dataclass(frozen=True, slots=True)
class Cooccurrences:
    """What was counted.

    Args:
        pairs: `scipy.sparse.csr_matrix`, float32 `(vocab_size, vocab_size)`, symmetric:
            how often two tokens stood near each other, each time as one over their
            distance.
        tokens: int64 `(vocab_size,)`. How often each token occurred; 0 for special
            ones, which are in no pair either.
    """

    pairs: Any
    tokens: np.ndarray


def count_cooccurrences(shards: Shards) -> Cooccurrences:
    """Counts in the records of a training split, whatever they hide.

    Args:
        shards: to read. They are not checked again.
    """
    # It takes a moment to import, and training goes on without it.
    from scipy import sparse

    size = len(shards.pieces.is_special)
    pairs = sparse.csr_matrix((size, size), dtype=np.float32)
    tokens = np.zeros(size, np.int64)
    for ids in _sequences(shards):
        is_ordinary = ~shards.pieces.is_special[ids]
        tokens += np.bincount(ids[is_ordinary], minlength=size)
        for distance in range(1, _WINDOW + 1):
            left, right = ids[:, :-distance], ids[:, distance:]
            is_pair = is_ordinary[:, :-distance] & is_ordinary[:, distance:]
            places = left[is_pair], right[is_pair]
            worth = np.full(len(places[0]), 1 / distance, np.float32)
            found = sparse.coo_matrix((worth, places), shape=(size, size)).tocsr()
            pairs += found + found.T
    return Cooccurrences(pairs, tokens)


def _sequences(shards):
    """int32 `(n, length)` after another, with nothing hidden."""
    num_parts = max(1, -(-shards.examples * shards.length // _MOST_TOKENS))
    records = tf.data.TFRecordDataset([str(path) for path in shards.paths])
    is_continuation = tf.constant(shards.pieces.is_continuation)
    for batch in records.shard(num_parts, 0).batch(_BATCH_SIZE):
        parsed = parse_records(
            batch, shards.length, shards.max_predictions, is_continuation
        )
        yield parsed["original_ids"].numpy()
