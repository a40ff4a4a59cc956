"""`bert-cpu merge`: the parts of several machines, joined to one set of records."""

import pathlib
from collections.abc import Sequence

from bert_cpu.counted import counted
from bert_cpu.data.manifest import is_prepared
from bert_cpu.data.pieces.merge_parts import merge_parts
from bert_cpu.errors import UserError
from bert_cpu.training.screen import Screen


def run(output: str, parts: Sequence[str], overwrite: bool) -> int:
    """Joins parts that `bert-cpu prepare --part` wrote; they stay as they are.

    Returns:
        The exit code.

    Raises:
        UserError: if `output` is there, or the parts don't make one whole set.
    """
    if not parts:
        raise UserError("No part is named. Name the directories of all parts.")
    directory = pathlib.Path(output)
    if directory.exists() and not (overwrite and is_prepared(output)):
        raise UserError(
            f"'{output}' exists. Name another directory, or replace prepared records "
            "by --overwrite."
        )
    manifest = merge_parts([pathlib.Path(part) for part in parts], directory)
    screen = Screen()
    for split, info in manifest.splits.items():
        screen.say(
            f"{split}: {counted(info.examples, 'example')}, "
            f"{counted(len(info.shards), 'file')}"
        )
    screen.say(f"Train on it: bert-cpu train --data {output} --name NAME")
    return 0
