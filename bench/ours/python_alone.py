"""An interpreter that starts and ends: what no Python program can be below."""

import sys
from typing import Any

from bench.new_process import NewProcess


def open_case(given: dict[str, Any]) -> NewProcess:
    return NewProcess([sys.executable, "-c", "pass"], None)
