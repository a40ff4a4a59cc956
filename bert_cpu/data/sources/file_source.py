"""Examples from csv, tsv and jsonl files."""

import functools
import json
import pathlib
from collections.abc import Iterator

from bert_cpu.data.example import Example
from bert_cpu.data.sources.carve_splits import carve_splits
from bert_cpu.data.sources.source import Reader, Source
from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings
from bert_cpu.text.rows import Row, read_rows, text_of


def open_file(settings: PrepareSettings, given: dict[str, Reader]) -> Source:
    """Opens the file `settings.data`.

    Args:
        settings: what to read, and the columns that hold it.
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
    read = functools.partial(read_file, settings.data, settings)
    next(read())
    return Source(pathlib.Path(settings.data).name, carve_splits(read, given))


def read_file(path: str, settings: PrepareSettings) -> Iterator[Example]:
    """Reads all examples of a file, one at a time.

    Args:
        path: str, of a csv, tsv or jsonl file.
        settings: its `text`, `text_pair` and `label` are the columns' names.

    Raises:
        UserError: as `read_rows`; if a column is missing, or a row has no label.
    """
    for row in read_rows(path):
        pair = settings.text_pair
        yield Example(
            text=text_of(row, settings.text, "--text"),
            text_pair=None if pair is None else text_of(row, pair, "--text-pair"),
            label=_label_of(row, settings.label),
            position=row[0],
        )


def _label_of(row: Row, column: str) -> str:
    position, values = row
    label = values.get(column, "")
    if isinstance(label, bool | int | float):
        return json.dumps(label)  # As the file writes it: 1, true.
    if label is not None:
        label = text_of(row, column, "--label")
    if not label or label.isspace():
        raise UserError(
            f"{position} has no label (column '{column}' is empty). Fill it in, or "
            "leave the row out."
        )
    return label
