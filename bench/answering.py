"""Sequences one by one, or many texts: the work, for whichever engine answers.

`given` has `kind`, "sequence" or "texts"; `sequences`, a JSON file with lists of
token ids, all of one length; `texts`, a jsonl file with `text` and `label`; `bundle`,
the trained model in the Hugging Face layout.
"""

import json
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from tokenizers import Tokenizer

# int64 `(batch, length)` ids, type ids and mask -> float `(batch, num_labels)`.
Run = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
RunAll = Callable[
    [Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]], list[np.ndarray]
]

# As many texts as an engine is given at once. They are sorted by length before, so
# that there is little padding: the usual way to be quick.
_BATCH_SIZE = 32


def answering(given: dict[str, Any], run: Run) -> "Sequences | Texts":
    """The work that `given` asks for, done by an engine that runs batches."""
    if given["kind"] == "sequence":
        return Sequences(given, run)
    return Texts(given, _one_after_the_other(run))


def _one_after_the_other(run: Run) -> RunAll:
    return lambda batches: [run(*inputs) for inputs in batches]


class Texts:
    """Many texts, tokenizing included, in batches of like lengths.

    Args:
        given: see above.
        run_all: the engine: batches -> their outputs, in their order.
        batch_size: texts that it is given at once.
    """

    def __init__(
        self, given: dict[str, Any], run_all: RunAll, batch_size: int = _BATCH_SIZE
    ):
        bundle = pathlib.Path(given["bundle"])
        description = json.loads((bundle / "bert_cpu.json").read_text(encoding="utf-8"))
        self._tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(description["max_length"])
        self._labels = description["labels"]
        self._rows = read_jsonl(given["texts"])
        self._run_all = run_all
        self._batch_size = batch_size

    def check(self) -> dict[str, Any]:
        return {"accuracy": self.accuracy()}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        for _ in range(count):
            self._answer()
        return count * len(self._rows), {}

    def accuracy(self) -> float:
        """The share of the texts whose label is the likeliest."""
        found = self._answer().argmax(axis=1)
        right = [
            self._labels[index] == row["label"]
            for index, row in zip(found, self._rows, strict=True)
        ]
        return float(np.mean(right))

    def _answer(self):
        encodings = self._tokenizer.encode_batch_fast(
            [row["text"] for row in self._rows]
        )
        order = sorted(range(len(encodings)), key=lambda index: len(encodings[index]))
        logits = np.zeros((len(encodings), len(self._labels)), np.float32)
        logits[order] = np.concatenate(self._run_all(self._batches(encodings, order)))
        return logits

    def _batches(self, encodings, order):
        for start in range(0, len(order), self._batch_size):
            rows = order[start : start + self._batch_size]
            ids = _pad([encodings[row].ids for row in rows])
            mask = _pad([encodings[row].attention_mask for row in rows])
            yield ids, np.zeros_like(ids), mask


class Sequences:
    """Token ids, one sequence at a time.

    Args:
        given: see above.
        run: the engine.
    """

    def __init__(self, given: dict[str, Any], run: Run):
        self._inputs = [
            _as_batch(ids)
            for ids in json.loads(pathlib.Path(given["sequences"]).read_text())
        ]
        self._run = run
        self._texts = Texts(given, _one_after_the_other(run))
        self._next = 0

    def check(self) -> dict[str, Any]:
        logits = [self._run(*inputs)[0].tolist() for inputs in self._inputs]
        return {"logits": logits, "accuracy": self._texts.accuracy()}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        for _ in range(count):
            self._run(*self._inputs[self._next])
            self._next = (self._next + 1) % len(self._inputs)
        return count, {}


def read_jsonl(path: str) -> list[dict[str, Any]]:
    """The rows of a jsonl file."""
    return list(_rows(path))


def _rows(path: str) -> Iterator[dict[str, Any]]:
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _as_batch(ids):
    array = np.array([ids], np.int64)
    return array, np.zeros_like(array), np.ones_like(array)


def _pad(lists):
    """Lists of ints -> int64 `(len(lists), longest)`, zeros behind."""
    array = np.zeros((len(lists), max(map(len, lists))), np.int64)
    for row, values in zip(array, lists, strict=True):
        row[: len(values)] = values
    return array
