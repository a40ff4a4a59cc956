"""Ours: `bert-cpu predict` in a new process, from a text to its answer."""

import json
import sys
from typing import Any

from bench.new_process import CLI, NewProcess


def open_case(given: dict[str, Any]) -> NewProcess:
    command = [
        *(sys.executable, *CLI),
        "predict",
        given["run"],
        "--json",
        given["text"],
    ]
    return NewProcess(command, lambda output: json.loads(output)["label"])
