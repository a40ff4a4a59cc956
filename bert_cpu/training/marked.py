"""Test texts with the places that a model's answers point to."""

import dataclasses
import json
import pathlib
from collections.abc import Iterable
from typing import Any

from bert_cpu import storage
from bert_cpu.example import Example
from bert_cpu.task import Task

# As many as a report shows.
_MOST = 12


def write_marked(
    run_dir: pathlib.Path, task: Task, answers: Iterable[tuple[Example, Any]]
) -> None:
    """Writes `marked.jsonl` of a run: some texts with something to point to.

    Nothing is written for a task whose answers are no places.

    Args:
        run_dir: of the run.
        task: says what to mark.
        answers: examples of the test split, each with the model's answer.
    """
    marked = [
        (example, found)
        for example, answer in answers
        if (found := task.marks(example, answer)) is not None
    ]
    # Answers come by length: from all along the way, short and long ones.
    shown = marked[:: max(1, len(marked) // _MOST)][:_MOST]
    lines = [
        json.dumps(
            {
                "question": example.text if text != example.text else None,
                "text": text,
                "marks": [dataclasses.asdict(mark) for mark in marks],
            },
            ensure_ascii=False,
        )
        for example, (text, marks) in shown
    ]
    if lines:
        with storage.written_aside(run_dir / "marked.jsonl") as aside:
            aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
