"""Ours: a csv file to TFRecord shards, as `bert-cpu prepare` makes them."""

import pathlib
import shutil
import tempfile
from typing import Any

from bert_cpu.commands.start_tensorflow import start_tensorflow


def open_case(given: dict[str, Any]) -> "Preparing":
    start_tensorflow()
    return Preparing(given)


class Preparing:
    """Reads, tokenizes and writes a file of texts.

    Args:
        given: `csv`, a file with the columns `text` and `label`; `rows`, their number;
            `encoder`, for its tokenizer; `max_length`.
    """

    def __init__(self, given: dict[str, Any]):
        from bert_cpu.models.checkpoint import open_checkpoint
        from bert_cpu.settings import PrepareSettings
        from bert_cpu.task_catalog import make_task

        self._settings = PrepareSettings(
            data=given["csv"], max_length=given["max_length"]
        )
        self._task = make_task(self._settings)
        self._checkpoint = open_checkpoint(given["encoder"])
        self._given = given

    def check(self) -> dict[str, Any]:
        """How many tokens there are in all texts."""
        return {"answers": [self._prepare()]}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        for _ in range(count):
            self._prepare()
        return count * self._given["rows"], {}

    def _prepare(self):
        from bert_cpu.training.records import make_records
        from bert_cpu.training.screen import Screen

        directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-records-"))
        try:
            manifest = make_records(
                self._settings,
                self._task,
                directory / "records",
                self._checkpoint,
                Screen(quiet=True),
            )
        finally:
            shutil.rmtree(directory)
        return sum(split.tokens for split in manifest.splits.values())
