"""transformers + PyTorch: the plain loop of `bench.baselines.train`, as one process."""

import json
import os
import subprocess
import sys
from typing import Any


def open_case(given: dict[str, Any]) -> "FineTuning":
    return FineTuning(given)


class FineTuning:
    """Whole runs with dynamic padding, each with another seed.

    Args:
        given: `encoder`; `splits`, the names of jsonl files for `train`, `validation`
            and `test`; `epochs`; `batch_size`; `dtype`.
    """

    def __init__(self, given: dict[str, Any]):
        self._given = given
        self._seed = 0

    def check(self) -> dict[str, Any]:
        """Nothing: accuracies come with the runs, and are compared there."""
        return {}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        accuracies = [self._train() for _ in range(count)]
        return count, {"accuracy": sum(accuracies) / count}

    def _train(self):
        given = self._given
        command = [
            *(sys.executable, "-m", "bench.baselines.train"),
            *("--task", "classify"),
            *("--model", given["encoder"]),
            *(
                argument
                for split, path in given["splits"].items()
                for argument in (f"--{split}", path)
            ),
            *("--epochs", str(given["epochs"])),
            *("--batch-size", str(given["batch_size"])),
            *("--dtype", given["dtype"]),
            *("--seed", str(self._seed)),
            *("--threads", str(len(os.sched_getaffinity(0)))),
        ]
        self._seed += 1
        result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        # To the log: what it had in validation, too.
        print(result.stdout, file=sys.stderr, flush=True)
        return json.loads(result.stdout.splitlines()[-1])["test"]["accuracy"]
