"""From shards that another program wrote to a directory of pre-training records."""

import dataclasses
import glob
import hashlib
import pathlib
from collections.abc import Callable

import numpy as np
from transformers import BertTokenizerFast

from bert_cpu import storage
from bert_cpu.data.damage.parse_example import parse_example
from bert_cpu.data.damage.scan_records import Record, scan_records
from bert_cpu.data.pretraining.find_shards import find_shards
from bert_cpu.data.pretraining.manifest import (
    PretrainingManifest,
    ShardsInfo,
    save_pretraining_manifest,
)
from bert_cpu.data.pretraining.pieces import Pieces
from bert_cpu.data.pretraining.save_tokenizer import save_tokenizer
from bert_cpu.data.pretraining.sequence_of import sequence_of
from bert_cpu.data.pretraining.shard_writer import ShardWriter
from bert_cpu.data.pretraining.shards import Shards
from bert_cpu.errors import UserError

# One sequence in so many is held out, by a hash of its tokens.
_HELD_OUT = 20


def adopt_shards(
    source: str,
    tokenizer: BertTokenizerFast,
    directory: pathlib.Path,
    length: int,
    most_unknown: float,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> PretrainingManifest:
    """Deals records to two splits as they are, with a tokenizer and manifest beside.

    One sequence in twenty is held out, the same one wherever it comes again.

    Args:
        source: str. Names of TFRecord files, with commas between them and `*` in
            them, as google-research/bert's `--input_file` has them.
        tokenizer: that they were written with.
        directory: written aside and renamed; what is there is replaced.
        length: int. Tokens that each sequence must have, padding included.
        most_unknown: float. Share of tokens that may be unknown to the vocabulary.
        progress: called with a stage, records copied, and all.

    Returns:
        PretrainingManifest, whose `documents` counts sequences.

    Raises:
        UserError: if a file is missing, damaged, of another length or vocabulary, or
            there are too few different sequences to hold one out; if too many tokens
            are unknown; if the disk is full, or `directory` can't be made.
    """
    shards = find_shards(_paths(source), Pieces(tokenizer.get_vocab()))
    if shards.length != length:
        raise UserError(
            f"--max-length is {length}, but the sequences of '{source}' have "
            f"{shards.length} tokens. Give --max-length {shards.length}."
        )
    with storage.new_directory(directory) as aside:
        tallies = _copy(shards, tokenizer.unk_token_id, aside, progress)
        if not all(tally.examples for tally in tallies.values()):
            raise UserError(
                f"'{source}' has {shards.examples:,} sequences, too few to hold one "
                "out. Give more of them."
            )
        save_tokenizer(tokenizer, aside)
        names = [path.name for path in aside.iterdir()]
        total = {
            field: sum(getattr(tally, field) for tally in tallies.values())
            for field in ("tokens", "hidden", "unknown")
        }
        unknown_share = total["unknown"] / total["tokens"]
        if unknown_share > most_unknown:
            raise UserError(
                f"{unknown_share:.1%} of the tokens of '{source}' are "
                f"{tokenizer.unk_token}, but --most-unknown is {most_unknown:.1%}. "
                "Write them with a vocabulary that has their words, or allow more."
            )
        manifest = PretrainingManifest(
            directory=aside,
            source=source,
            next_sentence=True,
            mask_share=total["hidden"] / total["tokens"],
            seed=0,
            documents={n: tally.examples for n, tally in tallies.items()}
            | {"empty": 0},
            unknown_share=unknown_share,
            shards=tuple(tally.info(shards) for tally in tallies.values()),
            files=storage.describe_files(aside, names),
        )
        save_pretraining_manifest(manifest)
    return dataclasses.replace(manifest, directory=directory)


@dataclasses.dataclass
class _Tally:
    """What was written of a split."""

    split: str
    examples: int = 0
    tokens: int = 0
    hidden: int = 0
    random_next: int = 0
    unknown: int = 0
    names: tuple[str, ...] = ()

    def info(self, shards: Shards) -> ShardsInfo:
        return ShardsInfo(
            split=self.split,
            length=shards.length,
            max_predictions=shards.max_predictions,
            examples=self.examples,
            tokens=self.tokens,
            hidden=self.hidden,
            random_next=self.random_next,
            shards=self.names,
        )


def _paths(source):
    names = [name.strip() for name in source.split(",")]
    found = {name: sorted(glob.glob(name)) for name in names}
    missing = [name for name in names if not found[name]]
    if missing:
        raise UserError(
            f"--data '{missing[0]}' is not there. Give TFRecord files, with commas "
            "between them."
        )
    return [pathlib.Path(path) for name in names for path in found[name]]


def _copy(shards, unknown_id, directory, progress):
    tallies = {split: _Tally(split) for split in ("train", "validation")}
    with (
        ShardWriter(directory, f"train-{shards.length}") as train,
        ShardWriter(directory, f"validation-{shards.length}") as validation,
    ):
        done = 0
        for path in shards.paths:
            for record in scan_records(path):
                if not isinstance(record, Record):
                    continue  # `find_shards` has refused it.
                features = parse_example(record.data)
                sequence = _checked(features, shards, path)
                is_held_out = _hash(sequence) % _HELD_OUT == 0
                # Of a few, none may fall so.
                is_held_out |= done == shards.examples - 1 and not validation.examples
                split = "validation" if is_held_out else "train"
                (validation if is_held_out else train).write(record.data)
                tally = tallies[split]
                tally.examples += 1
                tally.tokens += len(sequence)
                tally.unknown += int(np.sum(sequence == unknown_id))
                weights = features["masked_lm_weights"].float_list.value
                tally.hidden += int(np.sum(np.array(weights) > 0))
                labels = features["next_sentence_labels"].int64_list.value
                tally.random_next += int(labels[0])
                done += 1
                if done % 1000 == 0 or done == shards.examples:
                    progress("records", done, shards.examples)
    tallies["train"].names = tuple(train.names)
    tallies["validation"].names = tuple(validation.names)
    return tallies


def _checked(features, shards, path):
    """The sequence of a record that is as all are, of this vocabulary."""
    sizes = {
        **dict.fromkeys(("input_ids", "input_mask", "segment_ids"), shards.length),
        **dict.fromkeys(
            ("masked_lm_positions", "masked_lm_ids"), shards.max_predictions
        ),
        "next_sentence_labels": 1,
    }
    for name, size in sizes.items():
        _expect_size(path, name, len(features[name].int64_list.value), size)
    weights = len(features["masked_lm_weights"].float_list.value)
    _expect_size(path, "masked_lm_weights", weights, shards.max_predictions)
    positions = np.array(features["masked_lm_positions"].int64_list.value)
    if positions.min() < 0 or positions.max() >= shards.length:
        raise UserError(
            f"'{path}' has a record that hides a token outside of its sequence. Write "
            "it again."
        )
    sequence = sequence_of(features)
    most = len(shards.pieces.is_special)
    is_known = len(sequence) and sequence.min() >= 0 and sequence.max() < most
    if not is_known or sequence[0] != shards.pieces.cls_id:
        raise UserError(
            f"'{path}' was written with another vocabulary than that of --encoder: it "
            f"has a sequence that begins with {sequence[:3].tolist()}, and [CLS] is "
            f"{shards.pieces.cls_id} of {most:,}. Give the encoder that it is for."
        )
    return sequence


def _expect_size(path, name, size, expected):
    if size != expected:
        raise UserError(
            f"'{path}' has a record with {size} values of {name}, but others have "
            f"{expected}. Give shards that were written alike."
        )


def _hash(sequence):
    digest = hashlib.md5(sequence.tobytes(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "little")
