"""Where the right answers to a question are in its context, checked."""

import json
from typing import Any

from bert_cpu.errors import UserError
from bert_cpu.text.rows import Row

Place = list[Any]  # [start, end, text]


def answer_places(row: Row, column: str, context: str) -> list[Place]:
    """Takes the answers out of one column of a row.

    They are a list of `{"text": str, "start": int}` (or "answer_start"), or what
    TFDS and Hugging Face make of SQuAD, `{"text": [str, …], "answer_start": [int,
    …]}`; empty if there is no answer. A start is counted in characters (Unicode
    code points) from 0.

    Args:
        row: its position, and its values by column.
        column: the column's name.
        context: what the answers were cut out of.

    Returns:
        list: `[start, end, text]` of each, with `context[start:end] == text`.

    Raises:
        UserError: if the row lacks the column or has something else there, or an
            answer is not in the context at its start.
    """
    position, values = row
    if column not in values:
        raise UserError(
            f"{position} has no column '{column}' (it has: {', '.join(values)}). Give "
            "the answers there, [] where there is none, or name another with --label."
        )
    places = []
    for text, start in _pairs(values[column], position, column):
        if not text:
            raise UserError(
                f"{position} has an answer without a character in it. Write [] in "
                f"'{column}' if there is no answer."
            )
        if start < 0 or not context.startswith(text, start):
            raise UserError(_misplaced(text, start, context, position))
        places.append([start, start + len(text), text])
    return places


def _pairs(answers: Any, position: str, column: str) -> list[tuple[str, int]]:
    pairs = None
    if isinstance(answers, dict):
        texts, starts = answers.get("text"), answers.get("answer_start")
        if isinstance(texts, list) and isinstance(starts, list):
            if len(texts) != len(starts):
                raise UserError(
                    f"{position} has {len(texts)} texts but {len(starts)} starts of "
                    f"answers in column '{column}'. Give one start for each."
                )
            pairs = list(zip(texts, starts, strict=True))
    elif isinstance(answers, list) and all(isinstance(each, dict) for each in answers):
        pairs = [
            (each.get("text"), each.get("start", each.get("answer_start")))
            for each in answers
        ]
    # Not isinstance: true is an int to Python.
    if pairs is None or any((type(t), type(s)) != (str, int) for t, s in pairs):
        raise UserError(
            f"{position} has {_short(answers)} in column '{column}', but a list of "
            'answers was expected. Write [{"text": …, "start": …}], or [] if there is '
            "none."
        )
    return pairs


def _misplaced(text: str, start: int, context: str, position: str) -> str:
    found = [at for at in range(len(context)) if context.startswith(text, at)]
    if not found:
        remedy = "The context does not hold it: correct the answer."
    elif len(found) == 1:
        remedy = f"The context holds it once, at {found[0]}: correct the start."
    else:
        remedy = f"The context holds it {len(found)} times: correct the start."
    there = (
        f"the context has {_short(context[start : start + len(text)])}"
        if 0 <= start < len(context)
        else f"the context has {len(context)} characters, counted from 0"
    )
    return f"{position} has the answer {_short(text)} at {start}, but {there}. {remedy}"


def _short(value: Any) -> str:
    written = json.dumps(value, ensure_ascii=False, default=str)
    return written if len(written) <= 60 else written[:59] + "…"
