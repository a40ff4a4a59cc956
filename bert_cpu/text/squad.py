"""Questions with their answers, from files in the form of SQuAD."""

import json
import pathlib
from collections.abc import Iterator
from typing import Any

from bert_cpu.errors import UserError
from bert_cpu.text.rows import Row

# A file is one JSON value, so that it is read whole, and takes two to four times
# its size in memory. The training set of SQuAD 2.0 is 42 MB.
MAX_BYTES = 512 * 2**20


def read_squad(path: str | pathlib.Path, labelled: bool = True) -> Iterator[Row]:
    """Reads a .json file as SQuAD 1.1 and 2.0, XQuAD, CMRC 2018 and DRCD have it.

    That is `data[].paragraphs[].{context, qas[].{id, question, answers}}`, where
    an answer is `{text, answer_start}`, counted in characters from 0. A question
    with no answer has an empty list of them, and may say `is_impossible`.

    Args:
        path: the file, in UTF-8. All of it is in memory until its last row is read.
        labelled: False for questions that are only to be asked: whatever a file has
            for answers is not looked at, and in no row.

    Returns:
        Iterator over `(position, row)`: where the question is ("a.json data 3
        paragraph 2 question 5", counted from 1), and its "id", "title" (empty if
        there is none), "question", "context", and "answers", a list of
        `{"text": str, "start": int}`. Questions without a list of answers have
        none in their row: they are only to be asked. Whether an answer is where it
        says in the context, is not looked at here.

    Raises:
        UserError: at once if there is no such file, or it is too large, not UTF-8
            or not JSON, and while reading if a key is missing or holds another
            type, or the file has no question.

    Reference: Rajpurkar et al. 2018, https://arxiv.org/abs/1806.03822.
    """
    path = pathlib.Path(path)
    return _at_least_one(path, _questions(path.name, _load(path), labelled))


def _load(path: pathlib.Path) -> Any:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UserError(
                f"'{path}' has {size:,} bytes, but a .json file is read whole, and at "
                f"most {MAX_BYTES:,} fit. Write one question a line to a .jsonl file."
            )
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"'{path}' can't be read ({error.strerror}). Check the name."
        ) from error
    try:
        return json.loads(content.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise UserError(
            f"'{path}' is not UTF-8 (byte {error.start} of the file is "
            f"0x{content[error.start]:02x}). Save the file as UTF-8."
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"'{path}' is not well-formed JSON ({error}). Give a file in the form of "
            "SQuAD, or one question a line in a .jsonl file."
        ) from error


def _at_least_one(path: pathlib.Path, rows: Iterator[Row]) -> Iterator[Row]:
    first = next(rows, None)
    if first is None:
        raise UserError(f"'{path}' has no questions. Give a file with some in it.")
    yield first
    yield from rows


def _questions(name: str, content: Any, labelled: bool) -> Iterator[Row]:
    for article_number, article in enumerate(_value(content, "data", list, name), 1):
        article_at = f"{name} data {article_number}"
        paragraphs = _value(article, "paragraphs", list, article_at)
        title = _value(article, "title", str, article_at) if "title" in article else ""
        for paragraph_number, paragraph in enumerate(paragraphs, 1):
            paragraph_at = f"{article_at} paragraph {paragraph_number}"
            context = _value(paragraph, "context", str, paragraph_at)
            for number, question in enumerate(
                _value(paragraph, "qas", list, paragraph_at), 1
            ):
                position = f"{paragraph_at} question {number}"
                values = {
                    "id": _value(question, "id", str, position),
                    "title": title,
                    "question": _value(question, "question", str, position),
                    "context": context,
                }
                if labelled and "answers" in question:
                    values["answers"] = _answers(question, position)
                yield position, values


def _answers(question: dict[str, Any], position: str) -> list[dict[str, Any]]:
    answers = [
        {
            "text": _value(answer, "text", str, f"{position} answer {number}"),
            "start": _value(answer, "answer_start", int, f"{position} answer {number}"),
        }
        for number, answer in enumerate(_value(question, "answers", list, position), 1)
    ]
    if "is_impossible" in question:
        is_impossible = _value(question, "is_impossible", bool, position)
        if is_impossible == bool(answers):
            raise UserError(
                f"{position} has is_impossible {json.dumps(is_impossible)}, but "
                f"{len(answers)} answers. Mend one of the two."
            )
    return answers


def _value(values: Any, key: str, kind: type, position: str) -> Any:
    """`values[key]`, which must be of one kind."""
    if not isinstance(values, dict):
        raise UserError(
            f"{position} is {_short(values)}, but an object with '{key}' was "
            "expected. Give a file in the form of SQuAD."
        )
    if key not in values:
        raise UserError(
            f"{position} has no '{key}' (it has: {', '.join(values) or 'nothing'}). "
            "Give a file in the form of SQuAD."
        )
    value = values[key]
    # Not isinstance: true is an int to Python.
    if type(value) is not kind:
        raise UserError(
            f"{position} has {_short(value)} as '{key}', but {_KINDS[kind]} was "
            "expected. Mend the file."
        )
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise UserError(
                f"{position} has half of a surrogate pair in '{key}' (character "
                f"{error.start}), which is not Unicode. Mend the file."
            ) from error
    return value


def _short(value: Any) -> str:
    return json.dumps(value)[:40]


_KINDS = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
}
