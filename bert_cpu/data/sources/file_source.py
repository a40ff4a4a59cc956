"""Examples from files: csv, tsv, jsonl, and what else a task reads."""

import dataclasses
import functools
import pathlib
from collections.abc import Iterator

from bert_cpu.data.sources.bytes_of import bytes_of
from bert_cpu.data.sources.carve_splits import carve_splits
from bert_cpu.data.sources.source import Reader, Source
from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.task import Task
from bert_cpu.text.rows import read_rows


def open_file(
    settings: PrepareSettings, task: Task, given: dict[str, Reader]
) -> Source:
    """Opens the file `settings.data`.

    Args:
        settings: what to read, and the columns that hold it.
        task: what the examples are for.
        given: the splits that come from files of their own.

    Returns:
        Source, without labels: a file does not order them.

    Raises:
        UserError: as `read_file`, about the first row.
    """
    if pathlib.Path(settings.data).is_dir():
        raise UserError(
            f"--data '{settings.data}' is a directory, but not one of prepared records "
            "(it has no manifest.json). Give a csv, tsv or jsonl file, or prepare one "
            "with `bert-cpu prepare`."
        )
    read = functools.partial(read_file, settings.data, settings, task)
    next(read())
    path = pathlib.Path(settings.data)
    source = carve_splits(path.name, read, given)
    num_bytes = bytes_of(settings.data, settings.validation, settings.test)
    return dataclasses.replace(source, num_bytes=num_bytes)


def read_file(path: str, settings: PrepareSettings, task: Task) -> Iterator[Example]:
    """Reads all examples of a file, one at a time.

    Args:
        path: str, of a file in one of the forms of `read_rows`, or of the task's.
        settings: names the columns.
        task: takes the examples out of rows.

    Raises:
        UserError: as `read_rows` and the task's `read`.
    """
    for row in read_rows(path, task.formats):
        yield task.read(row, settings)
