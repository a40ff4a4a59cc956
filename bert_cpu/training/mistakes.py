"""The test texts that a model got wrong, surest first."""

import json
import pathlib
from collections.abc import Iterable
from typing import Any

from bert_cpu import storage
from bert_cpu.example import Example
from bert_cpu.task import Task

# As many as anybody reads.
_MOST = 100


def write_mistakes(
    run_dir: pathlib.Path, task: Task, answers: Iterable[tuple[Example, Any]]
) -> None:
    """Writes `mistakes.jsonl` of a run: text, truth, what was said, how sure.

    Args:
        run_dir: of the run.
        task: says what a mistake is.
        answers: examples of the test split, each with the model's answer.
    """
    mistakes = [
        {"text": example.text, "text_pair": example.text_pair, **mistake}
        for example, answer in answers
        if (mistake := task.mistake(example, answer)) is not None
    ]
    mistakes.sort(key=lambda mistake: -mistake["probability"])
    lines = [json.dumps(mistake, ensure_ascii=False) for mistake in mistakes[:_MOST]]
    with storage.written_aside(run_dir / "mistakes.jsonl") as aside:
        aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
