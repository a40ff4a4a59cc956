"""The work of starting a program, having its answer and its end."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

# The project's command line by any interpreter that has it, as `bert-cpu` starts it.
CLI = ("-c", "import sys; from bert_cpu.cli import main; sys.exit(main())")


class NewProcess:
    """Starts a program anew each time.

    Python may keep the bytecode that it compiled the first time, as `pip` does when it
    installs: what is measured is a start, not a compilation.

    Args:
        command: the program with its arguments.
        read: what it printed -> its answer; None if there is none to compare.
    """

    def __init__(self, command: Sequence[str], read: Callable[[str], str] | None):
        self._command = command
        self._read = read

    def check(self) -> dict[str, Any]:
        output, _ = self._start()
        return {} if self._read is None else {"answers": [self._read(output)]}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        peak = max(self._start()[1] for _ in range(count))
        return count, {"peak_memory_mb": peak}

    def _start(self):
        """What it printed, and the most memory that it held, in MB."""
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            text=True,
            env=kept,
        )
        assert process.stdout is not None
        with process.stdout:
            output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(
                f"'{self._command[0]}' ended with exit code {process.returncode}"
            )
        # Kilobytes, but bytes on macOS.
        unit = 1 if sys.platform == "darwin" else 1024
        return output, usage.ru_maxrss * unit / 1e6
