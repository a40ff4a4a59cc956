"""From a source of texts to a directory of records, in constant memory.

The source is read twice: once to count and to find every mistake before any
work is done, once to write. Only batches are ever held.
"""

import collections
import dataclasses
import math
import pathlib
from collections.abc import Callable

from transformers import BertTokenizerFast

from bert_cpu import storage
from bert_cpu.data.features import Featurizer
from bert_cpu.data.hdf5 import HDF5Writer
from bert_cpu.data.manifest import Manifest, SplitInfo, save_manifest
from bert_cpu.data.sources.source import Source
from bert_cpu.data.tfrecords import TFRecordWriter
from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings
from bert_cpu.text.preprocess import Preprocess


def prepare_records(
    source: Source,
    settings: PrepareSettings,
    tokenizer: BertTokenizerFast,
    directory: pathlib.Path,
    task: str = "classify",
    progress: Callable[[str, int, int], None] = lambda split, done, total: None,
) -> Manifest:
    """Writes the records of every split, and a manifest beside them.

    Args:
        source: where the texts come from.
        settings: how they are made into features.
        tokenizer: the encoder's.
        directory: written aside and renamed; what is there is replaced.
        task: str. What the labels are for.
        progress: called with a split's name, the examples written, and all.

    Returns:
        Manifest.

    Raises:
        UserError: for every mistake of the source; if there are fewer than two
            labels, or a split has a label that training has not; if a split, or
            a label of the training split, has no text; if the disk is full, or
            `directory` can't be made.
    """
    counts, positions = {}, {}
    for split, open_split in source.splits.items():
        counts[split], positions[split] = _count(open_split)
    labels = _order_labels(source, counts, positions)
    preprocess = Preprocess(settings.normalize, settings.stop_words, settings.stem)
    featurizer = Featurizer(tokenizer, settings.max_length, preprocess)
    with storage.new_directory(directory) as aside:
        splits = {}
        for split, open_split in source.splits.items():
            total = counts[split].total()
            writer: TFRecordWriter | HDF5Writer
            if settings.record_format == "hdf5":
                writer = HDF5Writer(aside, split)
            else:
                writer = TFRecordWriter(aside, split, total, settings.shard_size)
            splits[split] = _write_split(
                writer,
                featurizer(open_split()),
                labels,
                split == "test",
                lambda done, split=split, total=total: progress(split, done, total),
            )
            shards = storage.describe_files(aside, writer.shard_examples)
            splits[split] = dataclasses.replace(splits[split], shards=shards)
            _expect_texts(source, settings, split, splits[split])
        manifest = Manifest(
            directory=aside,
            source=source.name,
            task=task,
            labels=labels,
            max_length=settings.max_length,
            text_pair=settings.text_pair is not None,
            preprocess=preprocess.to_dict(),
            tokenizer_sha256=featurizer.tokenizer_sha256,
            record_format=settings.record_format,
            splits=splits,
        )
        save_manifest(manifest)
    return dataclasses.replace(manifest, directory=directory)


def _count(open_split):
    """Label -> how many examples have it, and where the first of them is."""
    counts: collections.Counter[str] = collections.Counter()
    positions: dict[str, str] = {}
    for example in open_split():
        counts[example.label] += 1
        positions.setdefault(example.label, example.position)
    return counts, positions


def _order_labels(source, counts, positions):
    """The labels by id: the source's own order, or numbers, or the alphabet's."""
    found = set(counts["train"])
    for split, counter in counts.items():
        if not counter:
            remedy = f", or a file of its own with --{split}"
            raise UserError(
                f"The {split} split of '{source.name}' is empty. Give more texts"
                f"{remedy if split != 'train' else ''}."
            )
    for split, counter in counts.items():
        unknown = sorted(set(counter) - found)
        if unknown:
            raise UserError(
                f"{positions[split][unknown[0]]} is in the {split} split and has the "
                f"label '{unknown[0]}', which training never sees (it has: "
                f"{_some(found)}). Correct the label, add examples of it to the "
                "training split, or name another column with --label."
            )
    if len(found) < 2:
        raise UserError(
            f"'{source.name}' has only the label '{next(iter(found))}', but two or "
            "more are needed. Is this the right column? Name it with --label."
        )
    if source.labels is not None:
        return tuple(label for label in source.labels if label in found)
    return tuple(sorted(found, key=_as_number_or_text))


def _write_split(writer, all_features, labels, with_texts, progress):
    ids = {label: index for index, label in enumerate(labels)}
    lengths: collections.Counter[int] = collections.Counter()
    label_counts = collections.Counter(dict.fromkeys(labels, 0))
    num_cut = num_empty = 0
    with writer:
        for done, features in enumerate(all_features, start=1):
            if done % 1000 == 0:
                progress(done)
            if features.is_empty:
                num_empty += 1
                continue
            num_cut += features.is_cut
            lengths[len(features.input_ids)] += 1
            label = features.example.label
            label_counts[label] += 1
            writer.write(features, ids[label], with_texts)
    return SplitInfo(
        examples=lengths.total(),
        tokens=sum(length * count for length, count in lengths.items()),
        cut_texts=num_cut,
        empty_texts=num_empty,
        length_histogram=dict(sorted(lengths.items())),
        label_counts=dict(label_counts),
        shards={},
        shard_examples=writer.shard_examples,
    )


def _expect_texts(source, settings, split, info):
    if not info.examples:
        raise UserError(
            f"The {split} split of '{source.name}' has only empty texts. "
            f"Look at its column '{settings.text}'."
        )
    for label, count in info.label_counts.items():
        if split == "train" and not count:
            raise UserError(
                f"The train split of '{source.name}' has only empty texts with the "
                f"label '{label}'. Fill them in, or leave the label out."
            )


def _as_number_or_text(label):
    try:
        number = float(label)
    except ValueError:
        number = math.nan
    # "nan" stands before and behind every number at once: it is a text.
    return (0, number, label) if math.isfinite(number) else (1, 0.0, label)


def _some(labels, most=8):
    shown = sorted(labels)[:most]
    return ", ".join(shown) + (", …" if len(labels) > most else "")
