"""Ours: `bert-cpu train` from the first line to the test accuracy, as one process."""

import json
import pathlib
import subprocess
import sys
from typing import Any

from bench.new_process import CLI
from bench.ours.chosen_dtype import chosen_dtype


def open_case(given: dict[str, Any]) -> "FineTuning":
    return FineTuning(given)


class FineTuning:
    """Whole runs with the defaults, each with another seed.

    Args:
        given: `runs_dir`; `source`, as `--data` takes it; `epochs`; `batch_size`.
    """

    def __init__(self, given: dict[str, Any]):
        self._given = given
        self._seed = 0

    def check(self) -> dict[str, Any]:
        """Only what it computes in: accuracies come with the runs."""
        return {"precision": chosen_dtype()}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        accuracies = [self._train() for _ in range(count)]
        return count, {"accuracy": sum(accuracies) / count}

    def _train(self):
        given = self._given
        command = [
            *(sys.executable, *CLI),
            "train",
            *("--data", given["source"]),
            *("--runs-dir", given["runs_dir"]),
            *("--name", "bench_fine_tuning"),
            *("--epochs", str(given["epochs"])),
            *("--batch-size", str(given["batch_size"])),
            *("--seed", str(self._seed)),
            "--overwrite",
        ]
        self._seed += 1
        subprocess.run(command, check=True, stdout=sys.stderr)
        metrics = pathlib.Path(given["runs_dir"], "bench_fine_tuning", "metrics.json")
        return json.loads(metrics.read_text(encoding="utf-8"))["test"]["accuracy"]
