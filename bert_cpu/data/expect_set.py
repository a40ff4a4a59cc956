"""Reads the manifest of a prepared set of either kind, for a check of all of it."""

import json
import pathlib

from bert_cpu.data import manifest as fine_tuning
from bert_cpu.data.damage.expected_set import ExpectedSet
from bert_cpu.data.pretraining import manifest as pretraining
from bert_cpu.errors import UserError


def expect_set(directory: pathlib.Path) -> ExpectedSet:
    """What the manifest says, of records for fine-tuning or for pre-training.

    Raises:
        UserError: if there is no manifest, or it is not as it was written.
    """
    path = directory / fine_tuning.FILE_NAME
    if not path.is_file():
        raise UserError(
            f"'{directory}' has no {path.name}, so it is no prepared set. Name a "
            "directory that `bert-cpu prepare` wrote, or RUN/records or "
            "RUN/pretraining of a run."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content.get("format") if isinstance(content, dict) else None
    except ValueError:
        found = None  # What reads it says what is wrong.
    read = _of_pretraining if found == pretraining.FORMAT else _of_fine_tuning
    expected = read(directory)
    for name, written in expected.files.items():
        if not _is_description(written):
            raise UserError(
                f"'{path}' does not say of '{name}' which size and sha256 it was "
                "written with. Prepare the data again."
            )
    return expected


def _is_description(written):
    return (
        isinstance(written, dict)
        and isinstance(written.get("size"), int)
        and isinstance(written.get("sha256"), str)
    )


def _of_fine_tuning(directory):
    manifest = fine_tuning.load_manifest(directory)
    splits = manifest.splits.items()
    return ExpectedSet(
        directory=directory,
        files={n: d for _, info in splits for n, d in info.shards.items()},
        kinds={name: split for split, info in splits for name in info.shards},
        counts={
            split: {
                "records": info.windows,
                "examples": info.examples,
                "tokens": info.tokens,
            }
            for split, info in splits
        },
        shard_records=dict(
            pair for _, info in splits for pair in info.shard_windows.items()
        ),
        count_record=_count_window,
        targets=manifest.targets,
        tokenizer_sha256=manifest.tokenizer_sha256,
    )


def _count_window(features):
    return {
        "examples": int(features["example"].bytes_list.value[0] != b""),
        "tokens": len(features["input_ids"].int64_list.value),
    }


def _of_pretraining(directory):
    manifest = pretraining.load_pretraining_manifest(directory, checks_files=False)
    kinds = {
        name: f"{info.split}, length {info.length}"
        for info in manifest.shards
        for name in info.shards
    }
    return ExpectedSet(
        directory=directory,
        files=manifest.files,
        kinds=kinds,
        counts={
            f"{info.split}, length {info.length}": {
                "records": info.examples,
                "examples": info.examples,
                "tokens": info.tokens,
            }
            for info in manifest.shards
        },
        shard_records={},
        count_record=_count_sequence,
        targets={},
        tokenizer_sha256=None,
    )


def _count_sequence(features):
    return {
        "examples": 1,
        "tokens": sum(features["input_mask"].int64_list.value),
    }
