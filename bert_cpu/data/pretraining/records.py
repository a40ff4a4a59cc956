"""Pre-training records, in the schema of the original's create_pretraining_data.

Either reads the other's shards: ours have one feature more, `word_starts`, which
the original's reader passes over, and ours does without where it is not there.
"""

import contextlib
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from bert_cpu.data.pretraining.masks import draw_masks, put_tokens
from bert_cpu.data.pretraining.packed import Packed
from bert_cpu.data.pretraining.pieces import Pieces
from bert_cpu.data.pretraining.shard_writer import SHARD_SIZE, ShardWriter

_INTS = (
    "input_ids",
    "input_mask",
    "segment_ids",
    "masked_lm_positions",
    "masked_lm_ids",
    "next_sentence_labels",
    "word_starts",
)


class PretrainingWriter(contextlib.AbstractContextManager):
    """Writes sequences with one choice of masks, shard after shard.

    Args:
        directory: where the shards go.
        prefix: str. Begins the names of the shards.
        pieces: of the vocabulary.
        length: int. Each sequence is padded to it.
        share: float. Share of tokens to hide.
        max_predictions: int. Tokens to guess in a sequence, at most.
        seed: int. Fixes the masks.
        shard_size: int. Records in a shard, at most.

    Attributes:
        counts: dict of int: examples, tokens (special ones included), hidden tokens
            and random_next examples.
        shards: list of str. Their file names.

    Raises:
        UserError: if the disk is full.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        prefix: str,
        pieces: Pieces,
        length: int,
        share: float,
        max_predictions: int,
        seed: int,
        shard_size: int = SHARD_SIZE,
    ):
        self._shards = ShardWriter(directory, prefix, shard_size)
        self._pieces = pieces
        self._length = length
        self._share = share
        self._max_predictions = max_predictions
        self._seed = seed
        self._num_batches = 0
        self.counts = dict.fromkeys(("examples", "tokens", "hidden", "random_next"), 0)
        self.shards = self._shards.names

    def write(self, batch: Sequence[Packed]) -> None:
        """Adds sequences. How they come in batches is part of what fixes the masks."""
        features = self._assemble(batch)
        features |= self._hide(features)
        self._num_batches += 1
        self.counts["tokens"] += int(features["input_mask"].sum())
        self.counts["hidden"] += int(features["masked_lm_weights"].sum())
        self.counts["random_next"] += int(features["next_sentence_labels"].sum())
        columns = {name: values.tolist() for name, values in features.items()}
        for row in range(len(batch)):
            record = _serialize({name: rows[row] for name, rows in columns.items()})
            self._shards.write(record)
            self.counts["examples"] += 1

    def __exit__(self, *exception):
        self._shards.__exit__(*exception)

    def _assemble(self, batch):
        """Puts special tokens in, and pads: dict of int32 `(batch, length)`."""
        shape = (len(batch), self._length)
        tokens = np.zeros((2, *shape), np.int32)
        tokens[0] = self._pieces.pad_id
        mask, segments = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        cls, sep = ([[i], [1]] for i in (self._pieces.cls_id, self._pieces.sep_id))
        for row, packed in enumerate(batch):
            parts = [cls, packed.first, sep]
            if packed.second is not None:
                parts += [packed.second, sep]
            whole = np.concatenate(parts, axis=1)
            num_tokens = whole.shape[1]
            tokens[:, row, :num_tokens] = whole
            mask[row, :num_tokens] = 1
            segments[row, packed.first.shape[1] + 2 : num_tokens] = 1
        return {
            "input_ids": tokens[0],
            "input_mask": mask,
            "segment_ids": segments,
            "word_starts": tokens[1],
            "next_sentence_labels": np.array([[int(p.is_random_next)] for p in batch]),
        }

    def _hide(self, features):
        ids = features["input_ids"]
        masked = draw_masks(
            tf.constant(ids),
            tf.constant(features["word_starts"]),
            tf.constant(~self._pieces.is_special[ids]),
            tf.constant([self._seed, self._num_batches], tf.int64),
            self._share,
            self._max_predictions,
            self._pieces.mask_id,
            tf.constant(self._pieces.ordinary_ids),
        )
        return {
            "input_ids": masked["input_ids"].numpy(),
            "masked_lm_positions": masked["masked_positions"].numpy(),
            "masked_lm_ids": masked["masked_ids"].numpy(),
            "masked_lm_weights": masked["masked_weights"].numpy(),
        }


def parse_records(
    records: tf.Tensor, length: int, max_predictions: int, is_continuation: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Parses many records at once.

    Args:
        records: string `(n,)`, ours or the original's.
        length: int. Tokens in each sequence, padding included.
        max_predictions: int. Places for tokens to guess in each.
        is_continuation: bool `(vocab_size,)`. Tells words apart where the records
            don't: a word goes on with a "##" piece.

    Returns:
        dict of int32 `(n, length)`: `input_ids`, with tokens hidden;
        `token_type_ids`; `attention_mask`; `word_starts`; and `original_ids`, with
        nothing hidden. Of `(n, max_predictions)`: int32 `masked_positions` and
        `masked_ids`, float32 `masked_weights`. And `next_sentence`, int32 `(n,)`, 1
        where the second segment is from elsewhere.
    """
    lengths = {
        **dict.fromkeys(("input_ids", "input_mask", "segment_ids"), length),
        **dict.fromkeys(("masked_lm_positions", "masked_lm_ids"), max_predictions),
        "next_sentence_labels": 1,
    }
    schema = {
        name: tf.io.FixedLenFeature([number], tf.int64)
        for name, number in lengths.items()
    }
    schema["masked_lm_weights"] = tf.io.FixedLenFeature([max_predictions], tf.float32)
    schema["word_starts"] = tf.io.FixedLenFeature([length], tf.int64, [-1] * length)
    parsed = tf.io.parse_example(records, schema)
    weights = parsed.pop("masked_lm_weights")
    parsed = {name: tf.cast(values, tf.int32) for name, values in parsed.items()}
    ids, positions = parsed["input_ids"], parsed["masked_lm_positions"]
    # Places that are not used say position 0, which gets what it has.
    shown = tf.gather(ids, positions, batch_dims=1)
    hidden = tf.where(weights > 0, parsed["masked_lm_ids"], shown)
    original_ids = put_tokens(ids, positions, hidden)
    by_piece = tf.cast(~tf.gather(is_continuation, original_ids), tf.int32)
    starts = parsed["word_starts"]
    return {
        "input_ids": ids,
        "token_type_ids": parsed["segment_ids"],
        "attention_mask": parsed["input_mask"],
        "word_starts": tf.where(starts < 0, by_piece, starts),
        "original_ids": original_ids,
        "masked_positions": positions,
        "masked_ids": parsed["masked_lm_ids"],
        "masked_weights": weights,
        "next_sentence": parsed["next_sentence_labels"][:, 0],
    }


def _serialize(fields):
    features = {
        name: tf.train.Feature(int64_list=tf.train.Int64List(value=fields[name]))
        for name in _INTS
    }
    features["masked_lm_weights"] = tf.train.Feature(
        float_list=tf.train.FloatList(value=fields["masked_lm_weights"])
    )
    return tf.train.Example(
        features=tf.train.Features(feature=features)
    ).SerializeToString()
