"""Answers cut out of a context: what `--task answer` is compared with.

As usual with transformers: a long context is read in windows beside the whole
question, and the best of 20 starts with 20 ends is the answer.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from tokenizers import Encoding
from transformers import BertForQuestionAnswering, PreTrainedTokenizerBase

from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.answer import AnswerQuestions
from bert_cpu.text.rows import read_rows
from bert_cpu.text.squad_score import squad_score

# Starts and ends that are tried, and pieces in the longest answer: the defaults of
# the library's own question answering, and of the original's run_squad.py.
_NUM_BEST = 20
_MOST_PIECES = 30

METRICS = ("f1", "exact_match")
TARGETS = {"start_positions": None, "end_positions": None}


def read(path: str) -> list[Example]:
    """Reads a file in the form of SQuAD, as the project reads it."""
    task, settings = AnswerQuestions(), PrepareSettings(task="answer")
    return [task.read(row, settings) for row in read_rows(path, task.formats)]


def split_key(example: Example) -> str:
    """The text that tells which split a question is carved into."""
    return example.text


def labels_of(examples: Sequence[Example]) -> list[str]:
    """Whether there are questions without an answer, so that some may get none."""
    task = AnswerQuestions()
    found = {name for example in examples for name in task.label_names(example)}
    return list(task.order_labels(found))


def build(model: str, labels: Sequence[str]) -> BertForQuestionAnswering:
    return BertForQuestionAnswering.from_pretrained(model, dtype=torch.float32)


def encode(
    example: Example, tokenizer: PreTrainedTokenizerBase, max_length: int, stride: int
) -> list[Encoding]:
    return tokenizer(
        example.text,
        example.text_pair,
        truncation="only_second",
        max_length=max_length,
        stride=stride,
        return_overflowing_tokens=True,
    ).encodings


def targets(
    example: Example, windows: Sequence[Encoding], labels: Sequence[str]
) -> list[dict[str, int]]:
    """The first answer's tokens; [CLS] in a window that has not all of it."""
    answers = example.label["answers"]
    places = [
        _place(window, *answers[0][:2]) if answers else (0, 0) for window in windows
    ]
    return [{"start_positions": first, "end_positions": last} for first, last in places]


def answer(
    example: Example,
    windows: Sequence[Encoding],
    outputs: Sequence[Mapping[str, np.ndarray]],
    labels: Sequence[str],
) -> str:
    """The span with the highest sum of logits in any window; empty for none."""
    best, found = -np.inf, ""
    for window, output in zip(windows, outputs, strict=True):
        tokens = _context_tokens(window)
        starts, ends = output["start_logits"], output["end_logits"]
        for first in sorted(tokens, key=lambda token: -starts[token])[:_NUM_BEST]:
            for last in sorted(tokens, key=lambda token: -ends[token])[:_NUM_BEST]:
                total = starts[first] + ends[last]
                if first <= last < first + _MOST_PIECES and total > best:
                    span = slice(window.offsets[first][0], window.offsets[last][1])
                    best, found = total, example.text_pair[span]
    none = min(each["start_logits"][0] + each["end_logits"][0] for each in outputs)
    return "" if len(labels) == 2 and none >= best else found


def measure(
    examples: Sequence[Example], answers: Sequence[str], labels: Sequence[str]
) -> dict[str, float]:
    """SQuAD's two scores as the task counts them, shares in [0, 1]."""
    scores = [
        squad_score(
            found, [text for _, _, text in example.label["answers"]], example.text
        )
        for example, found in zip(examples, answers, strict=True)
    ]
    f1, exact = np.mean(scores, axis=0).tolist()
    return {"f1": f1, "exact_match": exact}


def _context_tokens(window: Encoding) -> list[int]:
    return [token for token, text in enumerate(window.sequence_ids) if text == 1]


def _place(window: Encoding, start: int, end: int) -> tuple[int, int]:
    tokens = _context_tokens(window)
    offsets = window.offsets
    touched = [
        token
        for token in tokens
        if offsets[token][0] < end and start < offsets[token][1]
    ]
    is_whole = (
        touched and offsets[tokens[0]][0] <= start and end <= offsets[tokens[-1]][1]
    )
    return (touched[0], touched[-1]) if is_whole else (0, 0)
