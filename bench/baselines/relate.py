"""How two marked entities relate: what `--task relate` is compared with.

The model reads the text with its four marks as they are written, as the project's
does, in a plain `BertForSequenceClassification`.
"""

from collections.abc import Sequence
from typing import Any

from bench.baselines.classify import (
    TARGETS,
    answer,
    build,
    encode,
    labels_of,
    split_key,
    targets,
)
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.classify import Answer
from bert_cpu.tasks.relate import Relate
from bert_cpu.text.rows import read_rows

__all__ = [
    "METRICS",
    "TARGETS",
    "answer",
    "build",
    "encode",
    "labels_of",
    "measure",
    "read",
    "split_key",
    "targets",
]

METRICS = ("macro_f1", "accuracy")


def read(path: str) -> list[Example]:
    """Reads a file of SemEval-2010 task 8, as the project reads it."""
    settings = PrepareSettings(task="relate")
    return [Relate().read(row, settings) for row in read_rows(path, Relate.formats)]


def measure(
    examples: Sequence[Example], answers: Sequence[str], labels: Sequence[str]
) -> dict[str, Any]:
    """The task's own macro-F1: directed, without `Other`."""
    every = sorted({*labels, *(example.label for example in examples)})
    given = [
        Answer(example.text, label, {})
        for example, label in zip(examples, answers, strict=True)
    ]
    return Relate().measure(examples, given, every)
