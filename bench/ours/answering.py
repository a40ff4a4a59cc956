"""Ours: answers of a converted run, a sequence at a time or many texts."""

import json
import pathlib
from typing import Any

import numpy as np

from bench.answering import read_jsonl
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.serving.answer import open_model
from bert_cpu.serving.answer_many import answer_many
from bert_cpu.serving.answering_here import answering_here
from bert_cpu.serving.fitting_instances import fitting_instances


def open_case(given: dict[str, Any]) -> "Sequences | Texts":
    return (Sequences if given["kind"] == "sequence" else Texts)(given)


class Texts:
    """Many texts, as `bert-cpu predict --file` answers them.

    Args:
        given: `run`, a run's directory, and `texts`; see `bench.answering`.
    """

    def __init__(self, given: dict[str, Any]):
        self._answering, _ = answering_here()
        self._model = open_model(given["run"], variant=given.get("variant", "int8"))
        self._rows = read_jsonl(given["texts"])

    def check(self) -> dict[str, Any]:
        return {"accuracy": self.accuracy()}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        for _ in range(count):
            self._answer()
        return count * len(self._rows), {}

    def accuracy(self) -> float:
        """The share of the texts that get their label."""
        right = [
            answer.label == row["label"]
            for answer, row in zip(self._answer(), self._rows, strict=True)
        ]
        return float(np.mean(right))

    def _answer(self):
        pairs = [(row["text"], None) for row in self._rows]
        instances = fitting_instances(self._model, self._answering.instances)
        threads = self._answering.threads_each
        return list(answer_many(self._model, pairs, instances, threads))


class Sequences:
    """Token ids, one sequence at a time.

    Args:
        given: as for `Texts`, and `sequences`.
    """

    def __init__(self, given: dict[str, Any]):
        directory = pathlib.Path(given["run"]) / "tflite"
        description = json.loads((directory / "model.json").read_text(encoding="utf-8"))
        variant = given.get("variant", "int8")
        self._interpreter = BucketedInterpreter(
            directory / f"{variant}.tflite",
            description["buckets"],
            answering_here()[0].threads,
        )
        self._sequences = [
            (np.array(ids, np.int32), np.zeros(len(ids), np.int32))
            for ids in json.loads(pathlib.Path(given["sequences"]).read_text())
        ]
        self._texts = Texts(given)
        self._next = 0

    def check(self) -> dict[str, Any]:
        logits = [
            self._interpreter.run_ids(*inputs)["logits"].tolist()
            for inputs in self._sequences
        ]
        return {"logits": logits, "accuracy": self._texts.accuracy()}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        for _ in range(count):
            self._interpreter.run_ids(*self._sequences[self._next])
            self._next = (self._next + 1) % len(self._sequences)
        return count, {}
