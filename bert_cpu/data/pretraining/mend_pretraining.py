"""Pre-training records without those that are damaged."""

import dataclasses
import pathlib

from bert_cpu import storage
from bert_cpu.data.damage.damaged_shards import damaged_shards
from bert_cpu.data.damage.left_out import LeftOut
from bert_cpu.data.damage.mended_set import mended_set
from bert_cpu.data.damage.parse_example import parse_example
from bert_cpu.data.damage.scan_records import Record, scan_records
from bert_cpu.data.pretraining.manifest import (
    PretrainingManifest,
    ShardsInfo,
    save_pretraining_manifest,
)
from bert_cpu.errors import UserError

_REMEDY = "Prepare the documents again."


def mend_pretraining(
    manifest: PretrainingManifest, directory: pathlib.Path
) -> PretrainingManifest:
    """Leaves damaged records out; see `mend_records`. Here each stands alone.

    Args:
        manifest: of the records; they stay as they are.
        directory: of the mended ones. It is not made if nothing is damaged.

    Returns:
        PretrainingManifest of the mended records, or `manifest`.

    Raises:
        UserError: if something is wrong that is not a damaged record, or all records
            of one kind are damaged.
    """
    source = manifest.directory
    damaged = damaged_shards(source, manifest.files, _REMEDY)
    if not damaged:
        return manifest
    with mended_set(source, directory, manifest.files, damaged, _whole) as (
        aside,
        note,
    ):
        infos = tuple(
            _count(aside, info) if damaged.keys() & set(info.shards) else info
            for info in manifest.shards
        )
        lost = 0
        for was, now in zip(manifest.shards, infos, strict=True):
            _expect_examples(source, was, now)
            lost += was.examples - now.examples
        places = sum(len(damages) for damages in damaged.values())
        note(LeftOut(places, records=lost, examples=lost))
        mended = dataclasses.replace(
            manifest,
            directory=aside,
            shards=infos,
            files=manifest.files | storage.describe_files(aside, damaged),
        )
        save_pretraining_manifest(mended)
    return dataclasses.replace(mended, directory=directory)


def _whole(found):
    return (each for each in found if isinstance(each, Record))


def _count(directory, info: ShardsInfo) -> ShardsInfo:
    examples = tokens = hidden = random_next = 0
    for name in info.shards:
        for record in scan_records(directory / name):
            assert isinstance(record, Record)  # Damage was left out.
            features = parse_example(record.data)
            examples += 1
            tokens += sum(features["input_mask"].int64_list.value)
            hidden += int(sum(features["masked_lm_weights"].float_list.value))
            random_next += sum(features["next_sentence_labels"].int64_list.value)
    return dataclasses.replace(
        info, examples=examples, tokens=tokens, hidden=hidden, random_next=random_next
    )


def _expect_examples(source, was: ShardsInfo, now: ShardsInfo) -> None:
    if not now.examples:
        raise UserError(
            f"Nothing is whole in the {was.split} records of length {was.length} in "
            f"'{source}': all {was.examples:,} are damaged. {_REMEDY}"
        )
    if now.examples > was.examples:
        raise UserError(
            f"The {was.split} records of length {was.length} in '{source}' are "
            f"{now.examples:,}, but {was.examples:,} were written: they were changed "
            f"since. {_REMEDY}"
        )
