"""`bert-cpu prepare`: from raw text to a directory of records."""

import pathlib

from bert_cpu.data.manifest import is_prepared
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.catalog import make_task
from bert_cpu.training.records import make_records
from bert_cpu.training.screen import Screen


def run(settings: PrepareSettings, output: str, overwrite: bool) -> int:
    """Writes the records of all splits into `output`.

    Returns:
        The exit code.

    Raises:
        UserError: for every mistake of the source, or if `output` is there.
    """
    screen = Screen()
    directory = pathlib.Path(output)
    if is_prepared(settings.data):
        raise UserError(f"--data '{settings.data}' is prepared already: train on it.")
    if directory.exists() and not (overwrite and is_prepared(output)):
        raise UserError(
            f"'{output}' exists. Choose another --output, or replace prepared records "
            "by --overwrite."
        )
    checkpoint = open_checkpoint(settings.encoder)
    manifest = make_records(
        settings, make_task(settings), directory, checkpoint, screen
    )
    for split, info in manifest.splits.items():
        screen.say(
            f"{split}: {info.examples:,} examples, {info.tokens:,} tokens, "
            f"{len(info.shards)} files"
        )
    screen.say(f"Train on it: bert-cpu train --data {output} --name NAME")
    return 0
