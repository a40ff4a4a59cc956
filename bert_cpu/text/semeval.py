"""The files of SemEval-2010 task 8: sentences, and how two things in each relate.

    8001	"The most common <e1>audits</e1> were about <e2>waste</e2> and recycling."
    Message-Topic(e1,e2)
    Comment: Assuming an audit = an audit document.

Reference: Hendrickx et al. 2010, https://aclanthology.org/S10-1006.
"""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from bert_cpu.errors import UserError
from bert_cpu.text.rows import Row, read_rows

_SENTENCE = re.compile(r'\d+\t"(.*)"')
_BEGINNING = re.compile(r'\d+\t"')
# No relation's name, but a sentence's line whose number or quotes went wrong.
_NO_RELATION = re.compile(r'[\t"]')


def read_semeval(path: Path, labelled: bool = True) -> Iterator[Row]:
    """Reads a .txt file of the form above, sentence by sentence.

    Each sentence is followed by its relation, by a comment or none, and by a blank
    line or none. A test file whose relations were taken out holds sentences alone.

    Args:
        path: the file, in UTF-8.
        labelled: False for sentences that are only to be asked: a comment may stand
            where the relation would, and a file that doesn't begin as the form above
            does is one of a text a line, as `read_rows` reads it.

    Returns:
        Iterator over `(position, row)`: the line of the sentence, and its `text`
        without the quotes around it and, if there is one, `label`.

    Raises:
        UserError: as `read_rows`; while reading, for the first line that is
            something else than its place asks for.
    """
    lines = read_rows(path)
    if labelled:
        return _sentences(lines)
    return _sentences_or_lines(lines)


def _sentences_or_lines(lines: Iterator[Row]) -> Iterator[Row]:
    blank: list[Row] = []
    for line in lines:
        if line[1]["text"].strip():
            rest = itertools.chain([*blank, line], lines)
            is_sentence = _BEGINNING.match(line[1]["text"].strip())
            yield from _sentences(rest, labelled=False) if is_sentence else rest
            return
        blank.append(line)
    yield from blank


def _sentences(lines: Iterator[Row], labelled: bool = True) -> Iterator[Row]:
    # The sentence that waits for its relation, or for whatever ends it.
    waiting: Row | None = None
    for position, line in lines:
        content = line["text"].strip()
        sentence = _SENTENCE.fullmatch(content)
        is_comment = content.startswith("Comment")
        if sentence or not content:
            if waiting:
                yield waiting
            waiting = (position, {"text": sentence[1]}) if sentence else None
        elif waiting is None:
            # A comment may stand behind a blank line: nothing is lost with it.
            if not is_comment:
                expected = 'a number, a tab and a sentence in quotes ("…")'
                raise _unexpected(position, content, expected)
        elif "label" in waiting[1]:
            if not is_comment:
                expected = "a comment, a blank line or the next sentence"
                raise _unexpected(position, content, expected)
        elif is_comment and not labelled:
            continue
        elif is_comment or _NO_RELATION.search(content):
            expected = "the relation of the sentence above it"
            raise _unexpected(position, content, expected)
        else:
            waiting[1]["label"] = content
    if waiting:
        yield waiting


def _unexpected(position: str, content: str, expected: str) -> UserError:
    shown = content if len(content) <= 40 else content[:40] + "…"
    return UserError(
        f"{position} is '{shown}', but {expected} was expected. Mend the line, or give "
        "a csv, tsv or jsonl file."
    )
