"""The tokenizer alone, on texts in memory: what nobody who uses it can beat."""

import csv
import pathlib
from typing import Any

from tokenizers import Tokenizer


def open_case(given: dict[str, Any]) -> "Tokenizing":
    return Tokenizing(given)


class Tokenizing:
    """`tokenizers` on all texts, in all of its threads.

    Args:
        given: as for `bench.ours.preparing`.
    """

    def __init__(self, given: dict[str, Any]):
        path = pathlib.Path(given["encoder"]) / "tokenizer.json"
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(given["max_length"])
        with open(given["csv"], encoding="utf-8", newline="") as file:
            self._texts = [row["text"] for row in csv.DictReader(file)]

    def check(self) -> dict[str, Any]:
        encodings = self._tokenizer.encode_batch_fast(self._texts)
        return {"answers": [sum(map(len, encodings))]}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        for _ in range(count):
            self._tokenizer.encode_batch_fast(self._texts)
        return count * len(self._texts), {}
