"""From pieces to shards: nothing but copying, in the order of the examples."""

import collections
import contextlib
import hashlib
import pathlib
from collections.abc import Callable

from bert_cpu import storage
from bert_cpu.data.hdf5 import HDF5Writer
from bert_cpu.data.manifest import Manifest, SplitInfo, save_manifest
from bert_cpu.data.pieces.piece import PieceInfo, piece_path, read_piece_info
from bert_cpu.data.pieces.plan import Plan
from bert_cpu.data.tfrecords import read_features
from bert_cpu.errors import UserError

_BLOCK = 2**20


def join_pieces(
    plan: Plan, find: Callable[[str, int], pathlib.Path], directory: pathlib.Path
) -> Manifest:
    """Writes all shards of all splits, and the manifest, into an empty directory.

    A shard is what the pieces have of it, one behind the other, so that it is the
    same whoever wrote the pieces, and however many did.

    Args:
        plan: that the pieces follow.
        find: split and number of a piece -> the directory that it is in.
        directory: where shards go.

    Raises:
        UserError: if a piece is damaged; if a split, or a label of the training
            split, has no text; if too much of the training split is unknown to the
            vocabulary; if the disk is full.
    """
    splits = {}
    for split, planned in plan.splits.items():
        paths = [
            piece_path(find(split, number), split, number)
            for number in range(planned.num_pieces)
        ]
        infos = [read_piece_info(path) for path in paths]
        if plan.record_format == "hdf5":
            _join_hdf5(plan, split, paths, infos, directory)
        else:
            _join_tfrecords(planned.files, paths, infos, directory)
        splits[split] = _sum(plan, infos, directory, planned.files)
        _expect_texts(plan, split, splits[split])
    manifest = plan.to_manifest(directory, splits)
    save_manifest(manifest)
    return manifest


def _join_tfrecords(names, paths, infos, directory):
    with contextlib.ExitStack() as stack, storage.full_disk_is_the_users(directory):
        shards = [stack.enter_context((directory / name).open("wb")) for name in names]
        for path, info in zip(paths, infos, strict=True):
            digest = hashlib.sha256()
            with path.open("rb") as piece:
                for shard, size in zip(shards, info.shard_bytes, strict=True):
                    _copy(piece, shard, size, digest)
                _expect_digest(path, info, digest, piece.read(1))


def _copy(source, target, size, digest):
    while size and (block := source.read(min(size, _BLOCK))):
        size -= len(block)
        digest.update(block)
        target.write(block)


def _join_hdf5(plan, split, paths, infos, directory):
    """Its chunks are cut by their place in the file: it is written anew."""
    with HDF5Writer(directory, split, plan.targets) as writer:
        for path, info in zip(paths, infos, strict=True):
            with path.open("rb") as piece:
                _expect_digest(path, info, hashlib.file_digest(piece, "sha256"), b"")
            for features in read_features(path, plan.targets):
                writer.write(features)


def _expect_digest(path, info: PieceInfo, digest, rest):
    if rest or digest.hexdigest() != info.sha256:
        raise UserError(
            f"'{path}' was changed since it was written. Prepare its part again."
        )


def _sum(plan, infos, directory, names):
    lengths: collections.Counter[int] = collections.Counter()
    labels = collections.Counter(dict.fromkeys(plan.labels, 0))
    windows = [0] * len(names)
    for info in infos:
        lengths.update(info.length_histogram)
        labels.update(info.label_counts)
        windows = [sum(pair) for pair in zip(windows, info.shard_windows, strict=True)]
    return SplitInfo(
        examples=sum(info.examples for info in infos),
        windows=lengths.total(),
        tokens=sum(length * count for length, count in lengths.items()),
        cut_texts=sum(info.cut_texts for info in infos),
        empty_texts=sum(info.empty_texts for info in infos),
        length_histogram=dict(sorted(lengths.items())),
        label_counts=dict(labels),
        shards=storage.describe_files(directory, names),
        shard_windows=dict(zip(names, windows, strict=True)),
        unknown_tokens=sum(info.unknown_tokens for info in infos),
        unlabelled_texts=sum(info.unlabelled_texts for info in infos),
    )


def _expect_texts(plan, split, info):
    if not info.examples:
        remedy = f"Look at its column '{plan.settings['text']}'."
        others = ""
        if info.unlabelled_texts:
            others = f" and {info.unlabelled_texts:,} without a label"
            remedy = f"Name a file with texts and labels by --{split}."
        raise UserError(
            f"The {split} split of '{plan.source}' has only empty texts{others}. "
            f"{remedy}"
        )
    most_unknown = plan.settings["most_unknown"]
    if split == "train" and info.unknown_share > most_unknown:
        raise UserError(
            f"{info.unknown_share:.1%} of the tokens in the train split of "
            f"'{plan.source}' are unknown to the encoder's vocabulary, but "
            f"--most-unknown is {most_unknown:.1%}. Choose an --encoder of this "
            "language, or allow more."
        )
    for label, count in info.label_counts.items():
        if split == "train" and not count:
            raise UserError(
                f"The train split of '{plan.source}' has only empty texts with the "
                f"label '{label}'. Fill them in, or leave the label out."
            )
