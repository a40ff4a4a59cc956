"""Prepared records without those that are damaged."""

import collections
import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Iterable

from bert_cpu import storage
from bert_cpu.data.damage.damaged_shards import damaged_shards
from bert_cpu.data.damage.left_out import LeftOut
from bert_cpu.data.damage.mended_set import mended_set
from bert_cpu.data.damage.parse_example import parse_example
from bert_cpu.data.damage.scan_records import Record, scan_records
from bert_cpu.data.damage.whole_examples import whole_examples
from bert_cpu.data.manifest import Manifest, SplitInfo, save_manifest
from bert_cpu.data.stored_example import from_json
from bert_cpu.errors import UserError
from bert_cpu.example import Example

_REMEDY = "Prepare the data again."


def mend_records(
    manifest: Manifest,
    directory: pathlib.Path,
    label_names: Callable[[Example], Iterable[str]],
) -> Manifest:
    """Leaves damaged records out, and counts again what is there without them.

    That is done before training plans its steps, so that every worker has as many,
    and `tf.data` reads shards that are whole, with no check of ours in its way.

    Args:
        manifest: of the records; they stay as they are.
        directory: of the mended ones, see `mended_set`. It is not made if nothing
            is damaged.
        label_names: the labels of an example, as the task counts them.

    Returns:
        Manifest of the mended records, or `manifest`.

    Raises:
        UserError: if something is wrong that is not a damaged record, or a split,
            or a label of the training split, has no other ones.
    """
    shards = {n: d for info in manifest.splits.values() for n, d in info.shards.items()}
    damaged = damaged_shards(manifest.directory, shards, _REMEDY)
    if not damaged:
        return manifest
    # Where all texts are one window, damage costs no others.
    is_alone = all(info.windows == info.examples for info in manifest.splits.values())
    source = manifest.directory
    with mended_set(
        source, directory, shards, damaged, _alone if is_alone else _whole
    ) as (aside, note):
        splits = {
            split: _count(aside, info, label_names)
            if damaged.keys() & info.shards.keys()
            else info
            for split, info in manifest.splits.items()
        }
        for split, info in splits.items():
            _expect_examples(source, split, manifest.splits[split], info)
        pairs = list(zip(manifest.splits.values(), splits.values(), strict=True))
        note(
            LeftOut(
                places=len(list(itertools.chain(*damaged.values()))),
                records=sum(was.windows - now.windows for was, now in pairs),
                examples=sum(was.examples - now.examples for was, now in pairs),
            )
        )
        mended = dataclasses.replace(manifest, directory=aside, splits=splits)
        save_manifest(mended)
    return dataclasses.replace(mended, directory=directory)


def _alone(found):
    return (each for each in found if isinstance(each, Record))


def _whole(found):
    return whole_examples(found, lambda data: _kept(parse_example(data)) != "")


def _kept(features):
    return features["example"].bytes_list.value[0].decode()


def _count(directory, info: SplitInfo, label_names) -> SplitInfo:
    """What a split holds now; what it lost before it was written stays as it is."""
    lengths: collections.Counter[int] = collections.Counter()
    labels = collections.Counter(dict.fromkeys(info.label_counts, 0))
    examples, shard_windows = 0, {}
    for name in info.shards:
        shard_windows[name] = 0
        for record in scan_records(directory / name):
            assert isinstance(record, Record)  # Damage was left out.
            features = parse_example(record.data)
            shard_windows[name] += 1
            lengths[len(features["input_ids"].int64_list.value)] += 1
            if line := _kept(features):
                examples += 1
                if info.label_counts:
                    labels.update(label_names(from_json(line)))
    return dataclasses.replace(
        info,
        examples=examples,
        windows=lengths.total(),
        tokens=sum(length * count for length, count in lengths.items()),
        length_histogram=dict(sorted(lengths.items())),
        label_counts=dict(labels),
        shards=storage.describe_files(directory, info.shards),
        shard_windows=shard_windows,
    )


def _expect_examples(source, split, was: SplitInfo, now: SplitInfo) -> None:
    if not now.examples:
        raise UserError(
            f"Nothing is whole in the {split} split of '{source}': all of its "
            f"{was.examples:,} examples are damaged. {_REMEDY}"
        )
    if now.windows > was.windows:
        raise UserError(
            f"The {split} split of '{source}' has {now.windows:,} records, but "
            f"{was.windows:,} were written: it was changed since. {_REMEDY}"
        )
    for label, count in now.label_counts.items():
        if split == "train" and was.label_counts[label] and not count:
            raise UserError(
                f"In the train split of '{source}' all examples with the label "
                f"'{label}' are damaged. {_REMEDY}"
            )
