"""Opens shards that have no manifest."""

import pathlib
from collections.abc import Sequence

from google.protobuf.message import DecodeError

from bert_cpu.data.damage.parse_example import parse_example
from bert_cpu.data.damage.scan_records import Damage, scan_records
from bert_cpu.data.pretraining.pieces import Pieces
from bert_cpu.data.pretraining.shards import Shards
from bert_cpu.errors import UserError


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
        for found in scan_records(path):
            if isinstance(found, Damage):
                raise UserError(
                    f"'{path}' is not a whole TFRecord file: the record at byte "
                    f"{found.offset:,} {found.why}. Write it again."
                )
            first = found.data if first is None else first
            examples += 1
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
    try:
        features = parse_example(record)
    except DecodeError:
        return 0, 0
    names = ("input_ids", "masked_lm_positions")
    return tuple(len(features[name].int64_list.value) for name in names)
