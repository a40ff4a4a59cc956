"""Rows of the files that people keep text in, one at a time.

A file of any size is read in constant memory, and strictly: what is broken is
reported with its line, never guessed at.
"""

import codecs
import contextlib
import functools
import json
import pathlib
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

from bert_cpu.errors import MissingColumn, UserError

# A line, or a csv field, beyond this is a damaged file (a quote that nobody
# closed, a binary), not a text. Bytes and characters.
MAX_LENGTH = 16 * 2**20

Row = tuple[str, dict[str, Any]]
Format = Callable[[pathlib.Path], Iterator[Row]]


def read_rows(
    path: str | pathlib.Path, formats: Mapping[str, Format] | None = None
) -> Iterator[Row]:
    """Reads a .csv, .tsv, .jsonl or .txt file in UTF-8, row by row.

    - csv and tsv: the first row names the columns; fields may be quoted with
      `"` and then hold line breaks. Blank lines are left out.
    - jsonl: one JSON object a line. Blank lines are left out.
    - txt: one text a line, in a column named "text". A blank line is a text.

    Args:
        path: the file. Its suffix tells its form.
        formats: readers of further suffixes, or others for those above.

    Returns:
        Iterator over `(position, row)`: where the row begins ("a.csv line 12"),
        and its values by column. Those of a jsonl are whatever JSON they were.

    Raises:
        UserError: at once if there is no such file, and while reading if it
            is not UTF-8, holds a NUL byte, has no row, or is not well formed.
    """
    path = pathlib.Path(path)
    readers = {**_READERS, **(formats or {})}
    suffixes = ", ".join(readers)
    read = readers.get(path.suffix.lower())
    if path.is_dir():
        raise UserError(
            f"'{path}' is a directory, but a file was expected. Name a file that "
            f"ends in {suffixes}."
        )
    if read is None:
        ending = f"ends in '{path.suffix}', which is not known"
        raise UserError(
            f"'{path}' {ending if path.suffix else 'has no ending to know it by'}. "
            f"Give a file that ends in {suffixes}."
        )
    if not path.exists():
        raise UserError(f"There is no file '{path}'. Check the name.")
    return _at_least_one(path, read(path))


def text_of(row: Row, column: str, flag: str = "--text") -> str:
    """The text in one column of a row.

    Args:
        row: what `read_rows` gave.
        column: the column's name.
        flag: the option that named it, for the message.

    Raises:
        UserError: if the row lacks the column, or holds something else there.
    """
    position, values = row
    if column not in values:
        raise MissingColumn(
            f"{position} has no column '{column}' (it has: {', '.join(values)}). "
            f"Name one of them with {flag}."
        )
    text = values[column]
    if not isinstance(text, str):
        raise UserError(
            f"{position} has {json.dumps(text)[:40]} in column '{column}', but a "
            "string was expected. Mend the row."
        )
    return text


def label_of(row: Row, column: str) -> str:
    """The label in one column of a row; a number is the label as it is written.

    Args:
        row: what `read_rows` gave.
        column: the column's name.

    Raises:
        UserError: if the row has no label, or holds something else there.
    """
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


def _at_least_one(path: pathlib.Path, rows: Iterator[Row]) -> Iterator[Row]:
    try:
        first = next(rows, None)
        if first is None:
            raise UserError(f"'{path}' has no rows. Give a file with texts in it.")
        yield first
        yield from rows
    except OSError as error:
        raise UserError(
            f"'{path}' can't be read ({error.strerror}). Check the file."
        ) from error


def read_by_lines(
    path: pathlib.Path, parse: Callable[[str, Iterator[str]], Iterator[Row]]
) -> Iterator[Row]:
    """Rows by the lines of a file, which is closed at once where one is broken.

    Args:
        path: the file, in UTF-8.
        parse: from the file's name and its lines to rows.

    Raises:
        UserError: as `read_lines`, and what `parse` raises.
    """
    with contextlib.closing(read_lines(path)) as lines:
        yield from parse(path.name, lines)


def _separated(name: str, lines: Iterator[str], delimiter: str) -> Iterator[Row]:
    import csv  # Most answers need none.

    # The limit is the csv module's own, for the whole process; it only grows.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LENGTH))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    while True:
        position = f"{name} line {reader.line_num + 1}"
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise UserError(
                f"{position} is not well formed ({error}). Close its quotes, and "
                'write a quote within a quoted field twice ("").'
            ) from error
        if fields is None:
            return
        if not fields:
            continue
        if columns is None:
            columns = _distinct(fields, position)
        elif len(fields) != len(columns):
            raise UserError(
                f"{position} has {len(fields)} columns, but the first row has "
                f"{len(columns)}. Quote fields that hold the separator."
            )
        else:
            # As many of both, which `strict` would only look at once more.
            yield position, dict(zip(columns, fields))  # noqa: B905


def _distinct(columns: list[str], position: str) -> list[str]:
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        raise UserError(
            f"{position} names the column '{repeated[0]}' twice. Give each column "
            "a name of its own."
        )
    return columns


def _json_lines(name: str, lines: Iterator[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        position = f"{name} line {number}"
        try:
            values = json.loads(line.rstrip("\r\n"), parse_constant=_refuse_constant)
            if "\\u" in line:
                # JSON can spell half a character ("\ud83d"), which no text holds.
                json.dumps(values, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            reason = str(error)
            if isinstance(error, json.JSONDecodeError):
                # Its own line number is always 1 here.
                reason = f"{error.msg} at column {error.colno}"
            raise UserError(
                f"{position} is not well-formed JSON ({reason}). Write one JSON "
                "object a line."
            ) from error
        if not isinstance(values, dict):
            raise UserError(
                f"{position} holds a JSON {type(values).__name__}, but an object "
                'was expected. Write {"text": …} on each line.'
            )
        yield position, values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _plain(name: str, lines: Iterator[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        yield f"{name} line {number}", {"text": line.rstrip("\r\n")}


def read_lines(path: pathlib.Path) -> Generator[str, None, None]:
    """Lines with their ends, decoded one by one so that errors have a line."""
    offset = number = 0
    with path.open("rb") as file:
        while line := file.readline(MAX_LENGTH):
            number += 1
            if len(line) == MAX_LENGTH and not line.endswith(b"\n"):
                raise UserError(
                    f"{path.name} line {number} is longer than {MAX_LENGTH:,} bytes. "
                    "Break it up."
                )
            offset += len(line)
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                place = offset - len(line) + error.start
                raise UserError(
                    f"{path.name} line {number} is not UTF-8 (byte {place} of the file "
                    f"is 0x{line[error.start]:02x}). Save the file as UTF-8."
                ) from error
            if "\0" in text:
                raise UserError(
                    f"{path.name} line {number} holds a NUL byte, which no text does. "
                    "Save the file as text in UTF-8."
                )
            yield text


_PARSERS: dict[str, Callable[[str, Iterator[str]], Iterator[Row]]] = {
    ".csv": functools.partial(_separated, delimiter=","),
    ".tsv": functools.partial(_separated, delimiter="\t"),
    ".jsonl": _json_lines,
    ".txt": _plain,
}
_READERS: dict[str, Format] = {
    ending: functools.partial(read_by_lines, parse=parse)
    for ending, parse in _PARSERS.items()
}
