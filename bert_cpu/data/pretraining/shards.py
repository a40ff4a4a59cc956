"""Shards of one length, and what is to be known to read them."""

import dataclasses
import pathlib
from collections.abc import Sequence

import tensorflow as tf

from bert_cpu.data.pretraining.pieces import Pieces
from bert_cpu.errors import UserError


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


def find_shards(paths: Sequence[pathlib.Path], pieces: Pieces) -> Shards:
    """Opens shards that have no manifest, as those of the original BERT.

    Args:
        paths: TFRecord files, all written with the same lengths.
        pieces: of the vocabulary that they were written with.

    Raises:
        UserError: if there is no record in them, it is not one for pre-training, or
            a file is damaged.
    """
    examples, first = 0, None
    for path in paths:
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                first = record.numpy() if first is None else first
                examples += 1
        except tf.errors.OpError as error:
            raise UserError(
                f"'{path}' is not a whole TFRecord file ({type(error).__name__}). "
                "Write it again."
            ) from error
    if first is None:
        raise UserError(
            f"'{paths[0]}' has no records. Give shards with records in them."
            if paths
            else "There are no shards. Name one or more TFRecord files."
        )
    length, max_predictions = _sizes_of(first)
    if not length or not max_predictions:
        raise UserError(
            f"'{paths[0]}' has records without input_ids and masked_lm_positions, so "
            "they are not for pre-training. Name other shards."
        )
    return Shards(tuple(paths), examples, length, max_predictions, pieces)


def _sizes_of(record):
    """How many values two of its features have; 0 where it has none."""
    names = ("input_ids", "masked_lm_positions")
    schema = {name: tf.io.VarLenFeature(tf.int64) for name in names}
    try:
        parsed = tf.io.parse_single_example(record, schema)
    # TensorFlow's message quotes the bytes, and fails at some of them.
    except (tf.errors.InvalidArgumentError, UnicodeDecodeError):
        return 0, 0
    return tuple(int(tf.size(parsed[name].values)) for name in names)
