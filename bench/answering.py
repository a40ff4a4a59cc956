"""Sequences one by one, or many texts: the work, for whichever engine answers.

`given` has `kind`, "sequence" or "texts"; `sequences`, a JSON file with lists of
token ids, all of one length; `texts`, a jsonl file with `text` and `label`; `bundle`,
the trained model in the Hugging Face layout.
"""

import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from tokenizers import Tokenizer

# int64 `(batch, length)` ids, type ids and mask -> float `(batch, num_labels)`.
Run = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

# As many texts as an engine is given at once. They are sorted by length before, so
# that there is little padding: the usual way to be quick.
_BATCH_SIZE = 32


def answering(given: dict[str, Any], run: Run) -> "Sequences | Texts":
    """The work that `given` asks for, done by an engine that runs batches."""
    return (Sequences if given["kind"] == "sequence" else Texts)(given, run)


class Texts:
    """Many texts, tokenizing included, in batches of like lengths.

    Args:
        given: see above.
        run: the engine.
    """

    def __init__(self, given: dict[str, Any], run: Run):
        bundle = pathlib.Path(given["bundle"])
        description = json.loads((bundle / "bert_cpu.json").read_text(encoding="utf-8"))
        self._tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(description["max_length"])
        self._labels = description["labels"]
        self._rows = read_jsonl(given["texts"])
        self._run = run

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
        for start in range(0, len(order), _BATCH_SIZE):
            rows = order[start : start + _BATCH_SIZE]
            ids = _pad([encodings[row].ids for row in rows])
            mask = _pad([encodings[row].attention_mask for row in rows])
            logits[rows] = self._run(ids, np.zeros_like(ids), mask)
        return logits


class Sequences:
    """Token ids, one sequence at a time; see `Texts` for the arguments."""

    def __init__(self, given: dict[str, Any], run: Run):
        self._inputs = [
            _as_batch(ids)
            for ids in json.loads(pathlib.Path(given["sequences"]).read_text())
        ]
        self._run = run
        self._texts = Texts(given, run)
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
