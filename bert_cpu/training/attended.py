"""Where a model looks in a context when it reads a question, for a picture."""

import json
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
from tokenizers import Encoding

from bert_cpu import storage
from bert_cpu.example import Example
from bert_cpu.models.attention_maps import attention_maps
from bert_cpu.task import Task
from bert_cpu.text.windows import Reading

# What a picture has room for.
_MOST_QUESTIONS = 2
_MOST_HEADS = 4
_MOST_ROWS = 20
_MOST_COLUMNS = 24
# Tokens of an answer, so that some of the context stand on both sides of it.
_MOST_ANSWER = 10


def write_attended(
    run_dir: pathlib.Path,
    task: Task,
    model: keras.Model,
    answers: Iterable[tuple[Example, Any]],
    read: Callable[[Example], Reading],
) -> None:
    """Writes `attention.jsonl` of a run: what heads make of a question's tokens.

    Of a few questions that were answered rightly, it has the heads in which the
    question's tokens take most from the answer's, with all that they take from the
    answer and what is around it. Nothing is written for a task whose answers don't
    point into a second text.

    Args:
        run_dir: of the run.
        task: says what to mark.
        model: the task's, as it was trained.
        answers: examples of the test split, each with the model's answer.
        read: gives the tokens of an example.
    """
    found = [
        (example, place)
        for example, answer in answers
        if (place := _place(task, example, answer)) is not None
    ]
    # Answers come by length: not all from its ends.
    found = found[len(found) // 3 :] + found[: len(found) // 3]
    lines: list[str] = []
    for example, place in found:
        if len(lines) == _MOST_QUESTIONS:
            break
        for window in read(example).windows:
            parts = _parts(window, *place)
            if parts is not None:
                described = _describe(model, example, place, window, *parts)
                lines.append(json.dumps(described, ensure_ascii=False))
                break
    if lines:
        with storage.written_aside(run_dir / "attention.jsonl") as aside:
            aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _place(task: Task, example: Example, answer: Any) -> tuple[int, int] | None:
    """Of the right answer, in characters of the second text."""
    marked = None if example.text_pair is None else task.marks(example, answer)
    if marked is None or marked[0] != example.text_pair:
        return None
    return next(
        ((mark.start, mark.end) for mark in marked[1] if mark.verdict == "right"), None
    )


def _parts(
    window: Encoding, start: int, end: int
) -> tuple[list[int], list[int], list[int]] | None:
    """Tokens of the question, of the answer, and of the answer with its neighbours.

    None if the window has not all of the answer, or a picture no room for it.
    """
    texts, offsets = window.sequence_ids, window.offsets
    rows = [token for token, text in enumerate(texts) if text == 0]
    context = [token for token, text in enumerate(texts) if text == 1]
    answer = [
        token
        for token in context
        if offsets[token][0] < end and start < offsets[token][1]
    ]
    if not rows or not answer or len(rows) > _MOST_ROWS or len(answer) > _MOST_ANSWER:
        return None
    if offsets[answer[0]][0] > start or offsets[answer[-1]][1] < end:
        return None
    before = (_MOST_COLUMNS - len(answer)) // 2
    last_begin = max(context[0], context[-1] + 1 - _MOST_COLUMNS)
    begin = min(max(context[0], answer[0] - before), last_begin)
    return rows, answer, list(range(begin, context[-1] + 1))[:_MOST_COLUMNS]


def _describe(
    model: keras.Model,
    example: Example,
    place: tuple[int, int],
    window: Encoding,
    rows: list[int],
    answer: list[int],
    columns: list[int],
) -> dict[str, Any]:
    inputs = {
        "input_ids": np.array([window.ids], np.int32),
        "token_type_ids": np.array([window.type_ids], np.int32),
        "attention_mask": np.array([window.attention_mask], np.int32),
    }
    # (layers, heads, rows, length)
    maps = attention_maps(model, inputs)[:, 0][:, :, rows]
    shares = maps[..., answer].sum(axis=-1).mean(axis=-1)  # (layers, heads)
    strongest = np.argsort(-shares, axis=None, kind="stable")[:_MOST_HEADS]
    heads = [divmod(int(each), shares.shape[1]) for each in strongest]
    assert example.text_pair is not None
    return {
        "question": example.text,
        "answer": example.text_pair[slice(*place)],
        "rows": [window.tokens[token] for token in rows],
        "columns": [window.tokens[token] for token in columns],
        "answer_columns": [columns.index(token) for token in answer],
        "heads": [
            {
                "block": block,
                "head": head,
                # Of all that a token of the question takes, from the answer.
                "share": round(float(shares[block, head]), 4),
                "weights": maps[block, head][:, columns]
                .astype(float)
                .round(4)
                .tolist(),
            }
            for block, head in heads
        ],
    }
