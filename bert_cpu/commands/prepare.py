"""`bert-cpu prepare`: from raw text to a directory of records, or to a part of one."""

import pathlib

from bert_cpu.counted import counted
from bert_cpu.data.manifest import is_prepared
from bert_cpu.data.pieces.part import is_part, read_part_option
from bert_cpu.data.prepare import Engine, prepare_part
from bert_cpu.data.sources.open_source import open_source
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.settings import PrepareSettings
from bert_cpu.task_catalog import make_task
from bert_cpu.training.check_length import check_length
from bert_cpu.training.records import make_records
from bert_cpu.training.screen import Screen


def run(
    settings: PrepareSettings,
    output: str,
    overwrite: bool,
    part: str | None = None,
    engine: Engine = "processes",
) -> int:
    """Writes the records of all splits into `output`.

    Args:
        settings: how, and of what.
        output: the directory.
        overwrite: replace records (or a part of them) that are there.
        part: "i/N", to write the i-th of N parts and leave the rest to others.
        engine: who does the work.

    Returns:
        The exit code.

    Raises:
        UserError: for every mistake of the source, or if `output` is there.
    """
    screen = Screen()
    directory = pathlib.Path(output)
    wanted = None if part is None else read_part_option(part)
    if is_prepared(settings.data):
        raise UserError(f"--data '{settings.data}' is prepared already: train on it.")
    is_ours = is_prepared(output) or is_part(directory)
    if directory.exists() and not (overwrite and is_ours):
        raise UserError(
            f"'{output}' exists. Choose another --output, or replace prepared records "
            "by --overwrite."
        )
    checkpoint = open_checkpoint(settings.encoder)
    task = make_task(settings)
    if wanted is not None:
        check_length(settings.max_length, checkpoint)
        source = open_source(settings, task)
        with screen.counting("preparing") as count:
            prepare_part(
                source,
                settings,
                checkpoint.tokenizer,
                directory,
                task,
                count,
                engine,
                wanted,
            )
        screen.say(
            f"Part {part} is in '{output}'. With all {wanted[1]} of them: "
            "bert-cpu merge OUTPUT PART ..."
        )
        return 0
    manifest = make_records(settings, task, directory, checkpoint, screen, engine)
    for split, info in manifest.splits.items():
        screen.say(
            f"{split}: {counted(info.examples, 'example')}, {info.tokens:,} tokens, "
            f"{counted(len(info.shards), 'file')}"
        )
    screen.say(f"Train on it: bert-cpu train --data {output} --name NAME")
    return 0
