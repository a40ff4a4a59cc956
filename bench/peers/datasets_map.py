"""`datasets`: a csv file to an Arrow file of token ids, in two processes."""

import pathlib
import tempfile
from typing import Any

import datasets
from transformers import AutoTokenizer


def open_case(given: dict[str, Any]) -> "Preparing":
    datasets.disable_progress_bars()
    return Preparing(given)


class Preparing:
    """Reads, tokenizes and writes a file of texts, as its guide does.

    Args:
        given: as for `bench.ours.preparing`.

    Reference: https://huggingface.co/docs/datasets/process
    """

    def __init__(self, given: dict[str, Any]):
        self._given = given
        self._tokenizer = AutoTokenizer.from_pretrained(given["encoder"])

    def check(self) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="bench-datasets-") as cache:
            lengths = map(len, self._prepare(cache)["input_ids"])
            return {"answers": [sum(lengths)]}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        for _ in range(count):
            with tempfile.TemporaryDirectory(prefix="bench-datasets-") as cache:
                self._prepare(cache)
        return count * self._given["rows"], {}

    def _prepare(self, cache):
        """A new cache each time: it would know the result of the last."""
        rows = datasets.load_dataset(
            "csv", data_files=self._given["csv"], split="train", cache_dir=cache
        )
        # As a program's own function does it: it must find the tokenizer by itself
        # in each of the processes.
        tokenizer, max_length = self._tokenizer, self._given["max_length"]

        def tokenize(batch):
            return tokenizer(batch["text"], truncation=True, max_length=max_length)

        return rows.map(
            tokenize,
            batched=True,
            num_proc=2,
            remove_columns=["text"],
            cache_file_name=str(pathlib.Path(cache) / "tokenized.arrow"),
        )
