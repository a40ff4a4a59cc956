"""Texts with the entities in them, from the rows of files and data sets."""

import json
from typing import Any

from bert_cpu.errors import UserError
from bert_cpu.text.bio import Span, tags_to_spans
from bert_cpu.text.join_tokens import join_tokens
from bert_cpu.text.rows import Row, text_of
from bert_cpu.text.strings_of import strings_of
from bert_cpu.text.visible_span import visible_span


def read_entities(
    row: Row, text_column: str, label_column: str, repair: bool = False
) -> tuple[str, list[Span]]:
    """Takes a text and its entities out of a row.

    The entities may be

    - tags, BIO or BIOES: one for each of the tokens, or one for each character, if
      the text is not cut into tokens;
    - spans of the text: `[{"start": 3, "end": 8, "label": "PER"}]`, in characters,
      the end exclusive. Where a span has its own `text`, it must be there.

    Args:
        row: what `read_rows` or `read_conll` gave.
        text_column: holds a text, or a list of tokens, which are joined.
        label_column: holds the tags or spans.
        repair: mend tags that are not legal; see `tags_to_spans`.

    Returns:
        The text, and its entities in order: their start and end in characters of the
        text, and their type. See `visible_span` for where they begin and end.

    Raises:
        UserError: if a column is missing or holds something else, there are not as
            many tags as tokens, tags are not legal, or spans overlap or are not in
            the text.
    """
    position, values = row
    found = _list(row, label_column)
    is_text = not isinstance(values.get(text_column), list)
    if is_text:
        text = text_of(row, text_column)
        places = [(index, index + 1) for index in range(len(text))]
    else:
        text, places = join_tokens(strings_of(row, text_column, "token"))
    if (
        is_text
        and label_column != "tags"
        and not any(isinstance(f, str) for f in found)
    ):
        spans = _read_spans(position, text, found)
    else:
        tags = strings_of(row, label_column, "tag")
        if len(tags) != len(places):
            raise UserError(
                f"{position} has {len(tags)} tags for {len(places)} "
                f"{'characters' if is_text else 'tokens'}. Give each of them a tag."
            )
        spans = [
            (places[first][0], places[behind - 1][1], kind)
            for first, behind, kind in tags_to_spans(
                tags, repair, lambda index: _place(row, index)
            )
        ]
    return text, [(*visible_span(text, start, end), kind) for start, end, kind in spans]


def _list(row: Row, column: str) -> list[Any]:
    position, values = row
    if column not in values:
        raise UserError(
            f"{position} has no column '{column}' (it has: {', '.join(values)}). "
            "Name the one with the spans or tags with --label."
        )
    if not isinstance(values[column], list):
        raise UserError(
            f"{position} has {_shown(values[column])} in column '{column}', but a list "
            "of spans or tags was expected. Give a .jsonl or .conll file."
        )
    return values[column]


def _place(row: Row, index: int) -> str:
    """Where a token stands: its line, if the row is of several."""
    position, values = row
    lines = values.get("lines")
    return lines[index] if lines else f"{position}, tag {index + 1},"


def _read_spans(position: str, text: str, found: list[Any]) -> list[Span]:
    spans = []
    for number, span in enumerate(found, start=1):
        if not _is_span(span):
            raise UserError(
                f"{position} has {_shown(span)} as span {number}, but an object with "
                'whole numbers "start" and "end" and a "label" was expected. Mend it.'
            )
        start, end = span["start"], span["end"]
        if not 0 <= start < end <= len(text):
            raise UserError(
                f"{position} has a span from {start} to {end}, but its text has places "
                f"from 0 to {len(text)}. Count characters, not bytes, from 0 up to the "
                "one behind the span."
            )
        if span.get("text", text[start:end]) != text[start:end]:
            raise UserError(
                f"{position} has a span from {start} to {end} of {_shown(span['text'])}"
                f", but there is {_shown(text[start:end])}. Count characters, not "
                "bytes, from 0 up to the one behind the span."
            )
        if text[start:end].isspace():
            raise UserError(
                f"{position} has a span from {start} to {end} with nothing to see in "
                "it. Count characters, not bytes, from 0, or leave the span out."
            )
        spans.append((start, end, span["label"]))
    spans.sort()
    for before, after in zip(spans, spans[1:], strict=False):
        if before[1] > after[0]:
            raise UserError(
                f"{position} has spans that overlap: {before[0]} to {before[1]} "
                f"({before[2]}) and {after[0]} to {after[1]} ({after[2]}). Keep one of "
                "them."
            )
    return spans


def _is_span(span: Any) -> bool:
    if not isinstance(span, dict):
        return False
    numbers = (span.get("start"), span.get("end"))
    # JSON's true is an int to Python.
    are_whole = all(type(number) is int for number in numbers)
    label = span.get("label")
    return are_whole and isinstance(label, str) and bool(label.strip())


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:60]
