"""One label for a text or a pair: what `--task classify` is compared with."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Encoding
from transformers import BertForSequenceClassification, PreTrainedTokenizerBase

from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.classify import Classify, measure_labels
from bert_cpu.text.rows import read_rows

METRICS = ("accuracy", "macro_f1")
TARGETS = {"labels": None}  # Of a window as a whole: nothing to pad.


def read(path: str) -> list[Example]:
    """Reads a file with the columns `text` and `label`, as the project reads it."""
    settings = PrepareSettings()
    return [Classify().read(row, settings) for row in read_rows(path)]


def split_key(example: Example) -> str:
    """The text that tells which split an example is carved into."""
    return example.text


def labels_of(examples: Sequence[Example]) -> list[str]:
    return sorted({example.label for example in examples})


def build(model: str, labels: Sequence[str]) -> BertForSequenceClassification:
    return BertForSequenceClassification.from_pretrained(
        model, num_labels=len(labels), dtype=torch.float32
    )


def encode(
    example: Example, tokenizer: PreTrainedTokenizerBase, max_length: int, stride: int
) -> list[Encoding]:
    """One window: what is beyond `max_length` is cut off."""
    return tokenizer(
        example.text, example.text_pair, truncation=True, max_length=max_length
    ).encodings


def targets(
    example: Example, windows: Sequence[Encoding], labels: Sequence[str]
) -> list[dict[str, int]]:
    return [{"labels": labels.index(example.label)} for _ in windows]


def answer(
    example: Example,
    windows: Sequence[Encoding],
    outputs: Sequence[Mapping[str, np.ndarray]],
    labels: Sequence[str],
) -> str:
    return labels[int(outputs[0]["logits"].argmax())]


def measure(
    examples: Sequence[Example], answers: Sequence[str], labels: Sequence[str]
) -> dict[str, Any]:
    truths = [example.label for example in examples]
    return measure_labels(truths, answers, sorted({*labels, *truths}))
