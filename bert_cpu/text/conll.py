"""Sentences in columns, the form in which corpora of named entities come."""

import contextlib
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from bert_cpu.errors import UserError
from bert_cpu.text.rows import Row, read_by_lines, read_lines

_TAG = re.compile(r"O|[BIESMLU]-.+")
# Between documents in the files of CoNLL-2003.
_NEW_DOCUMENT = "-DOCSTART-"


def read_conll(path: Path, labelled: bool = True) -> Iterator[Row]:
    """Reads a file with a token a line, and blank lines between sentences.

    The first column is the token, the last its tag; what is between is left out.
    Columns are parted by a tab, or by spaces in lines without a tab. A line that
    begins with "#" is a comment, unless it is a token with a tag: tweets are full of
    them. Lines of `-DOCSTART-` end a sentence.

    Args:
        path: the file, in UTF-8.
        labelled: False for sentences that are only to be asked: their lines may be
            tokens alone, and tags are in no row. Where lines are tokens alone, one
            that begins with "#" is a comment if there is a space or tab in it.

    Returns:
        Iterator over `(position, row)` a sentence: where it begins ("a.conll line
        12"), and its `tokens`, their `tags` and their `lines` ("a.conll line 13"),
        lists of str of the same length.

    Raises:
        UserError: as `read_lines`; if a line has no tag, no token, or not as many
            columns as the first.

    Reference: Tjong Kim Sang and De Meulder 2003, https://aclanthology.org/W03-0419/.
    """
    is_bare = not labelled and _is_bare(path)
    parse = functools.partial(_sentences, labelled=labelled, is_bare=is_bare)
    yield from read_by_lines(path, parse)


def _sentences(
    name: str, lines: Iterator[str], labelled: bool, is_bare: bool
) -> Iterator[Row]:
    width, first = None, ""  # Columns of the file's first token, and its position.
    sentence: list[tuple[str, str, str]] = []
    for number, line in enumerate(lines, start=1):
        columns = _split(line)
        if not columns or columns[0] == _NEW_DOCUMENT:
            yield from _row(sentence, labelled)
            sentence = []
            continue
        if _is_comment(columns, 1 if is_bare else width):
            continue
        position = f"{name} line {number}"
        if (len(columns) < 2 and not is_bare) or not columns[0]:
            raise UserError(
                f"{position} holds {line.strip()[:40]!r}, but a token and its tag were "
                "expected, with a tab or a space between. Write both."
            )
        if width is None:
            width, first = len(columns), position
        elif len(columns) != width:
            raise UserError(
                f"{position} has {len(columns)} columns, but {first} has {width}. "
                "Give all lines the same columns, with tabs where a token holds a "
                "space."
            )
        sentence.append((columns[0], columns[-1], position))
    yield from _row(sentence, labelled)


def _split(line: str) -> list[str]:
    """The columns of a line; none of a blank one."""
    if not line.strip():
        return []
    if "\t" in line:
        return [column.strip(" ") for column in line.rstrip("\r\n").split("\t")]
    # Not at no-break and other spaces, which are part of a token.
    return re.split(" +", line.strip(" \r\n"))


def _is_bare(path: Path) -> bool:
    """Whether lines are tokens alone, as the first tells that is surely no comment."""
    with contextlib.closing(read_lines(path)) as lines:
        columns = map(_split, lines)
        tokens = (each for each in columns if each and each[0] != _NEW_DOCUMENT)
        first = next((each for each in tokens if not each[0].startswith("#")), None)
    return first is not None and len(first) == 1


def _is_comment(columns: list[str], width: int | None) -> bool:
    is_token = len(columns) == (width or 2) and (
        width == 1 or _TAG.fullmatch(columns[-1])
    )
    return columns[0].startswith("#") and not is_token


def _row(sentence: list[tuple[str, str, str]], labelled: bool) -> Iterator[Row]:
    if sentence:
        tokens, tags, lines = (list(each) for each in zip(*sentence, strict=True))
        values = {"tokens": tokens, "tags": tags, "lines": lines}
        if not labelled:
            del values["tags"]
        yield lines[0], values
