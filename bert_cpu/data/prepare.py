"""From a source of texts to a directory of records, in constant memory.

The source is read twice: once to count and to find every mistake before any
work is done, once to write. Only batches are ever held.
"""

import collections
import dataclasses
import pathlib
from collections.abc import Callable

from transformers import BertTokenizerFast

from bert_cpu import storage
from bert_cpu.data.features import Featurizer
from bert_cpu.data.hdf5 import HDF5Writer
from bert_cpu.data.labels import count_labels, order_labels
from bert_cpu.data.manifest import Manifest, SplitInfo, save_manifest
from bert_cpu.data.sources.source import Source
from bert_cpu.data.tfrecords import TFRecordWriter
from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings
from bert_cpu.task import Task
from bert_cpu.text.preprocess import Preprocess
from bert_cpu.text.windows import tokenizer_sha256


def prepare_records(
    source: Source,
    settings: PrepareSettings,
    tokenizer: BertTokenizerFast,
    directory: pathlib.Path,
    task: Task,
    progress: Callable[[str, int, int], None] = lambda split, done, total: None,
) -> Manifest:
    """Writes the records of every split, and a manifest beside them.

    Args:
        source: where the texts come from.
        settings: how they are made into features.
        tokenizer: the encoder's.
        directory: written aside and renamed; what is there is replaced.
        task: what is to be learned.
        progress: called with a split's name, the examples written, and all.

    Returns:
        Manifest.

    Raises:
        UserError: for every mistake of the source; if there are fewer labels than
            the task needs, or a split has a label that training has not; if a
            split, or a label of the training split, has no text; if the disk is
            full, or `directory` can't be made.
    """
    counts = {split: count_labels(read, task) for split, read in source.splits.items()}
    labels = order_labels(source, counts, task)
    preprocess = Preprocess(settings.normalize, settings.stop_words, settings.stem)
    featurizer = Featurizer(
        task,
        _ids_of(task, labels, tokenizer),
        tokenizer,
        settings.max_length,
        settings.overlap,
        preprocess,
    )
    with storage.new_directory(directory) as aside:
        splits = {}
        for split, open_split in source.splits.items():
            total = counts[split].examples
            writer: TFRecordWriter | HDF5Writer
            if settings.record_format == "hdf5":
                writer = HDF5Writer(aside, split, task.targets)
            else:
                writer = TFRecordWriter(
                    aside, split, task.targets, total, settings.shard_size
                )
            splits[split] = _write_split(
                writer,
                featurizer(
                    task.pose(example, tokenizer.backend_tokenizer)
                    for example in open_split()
                ),
                task,
                labels,
                lambda done, split=split, total=total: progress(split, done, total),
            )
            shards = storage.describe_files(aside, writer.shard_windows)
            splits[split] = dataclasses.replace(splits[split], shards=shards)
            _expect_texts(source, settings, split, splits[split])
        manifest = Manifest(
            directory=aside,
            source=source.name,
            task=task.name,
            labels=labels,
            targets=dict(task.targets),
            max_length=settings.max_length,
            stride=settings.overlap,
            text_pair=task.column(settings, "text_pair") is not None,
            preprocess=preprocess.to_dict(),
            tokenizer_sha256=tokenizer_sha256(tokenizer.backend_tokenizer),
            record_format=settings.record_format,
            splits=splits,
        )
        save_manifest(manifest)
    return dataclasses.replace(manifest, directory=directory)


def _ids_of(task, labels, tokenizer):
    names = task.answer_labels(labels, tokenizer.backend_tokenizer)
    return {name: index for index, name in enumerate(names)}


def _write_split(writer, all_features, task, labels, progress):
    lengths: collections.Counter[int] = collections.Counter()
    label_counts = collections.Counter(dict.fromkeys(labels, 0))
    num_examples = num_cut = num_empty = 0
    with writer:
        for done, features in enumerate(all_features, start=1):
            if done % 1000 == 0:
                progress(done)
            num_empty += features.is_empty
            num_cut += features.is_cut
            if not features.windows:
                continue
            num_examples += 1
            lengths.update(len(window.input_ids) for window in features.windows)
            if task.has_labels:
                label_counts.update(task.label_names(features.example))
            writer.write(features)
    return SplitInfo(
        examples=num_examples,
        windows=lengths.total(),
        tokens=sum(length * count for length, count in lengths.items()),
        cut_texts=num_cut,
        empty_texts=num_empty,
        length_histogram=dict(sorted(lengths.items())),
        label_counts=dict(label_counts),
        shards={},
        shard_windows=writer.shard_windows,
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
