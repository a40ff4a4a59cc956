"""A process that computes for a sweep on cores of its own."""

import contextlib
import os
import pathlib
import subprocess
import time
from collections.abc import Callable, Sequence, Set

from bert_cpu.import_paths import import_paths

# A process that was asked to stop saves first; then it is ended.
_GRACE_SECONDS = 60.0
_LOOK_SECONDS = 0.1


def run_child(
    command: Sequence[str],
    log: pathlib.Path,
    cores: Set[int],
    why_stop: Callable[[], str | None],
) -> tuple[int, str | None]:
    """Runs a command to its end, or until there is a reason to stop it.

    The terminal's Ctrl-C does not reach it, so that it is stopped in one way only: by
    SIGTERM. Its standard input is a pipe that closes when this process is gone, be it
    by a kill; the command must leave then.

    Args:
        command: what to run.
        log: gets all that it says.
        cores: that it may use.
        why_stop: gives a reason to stop it, or None.

    Returns:
        Its exit code, and the reason for which it was asked to stop, if it was.
    """
    reason, deadline = None, 0.0
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=os.environ | import_paths(),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        # If it has ended already, its code says how.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(process.pid, cores)
        try:
            while process.poll() is None:
                time.sleep(_LOOK_SECONDS)
                if reason is None:
                    reason = why_stop()
                    if reason is not None:
                        process.terminate()
                        deadline = time.monotonic() + _GRACE_SECONDS
                elif time.monotonic() > deadline:
                    process.kill()
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdin:
                process.stdin.close()
    return process.returncode, reason


def last_words(log: pathlib.Path) -> str:
    """The last line that a process left, which says why it ended."""
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("bert-cpu: ")[:500] if lines else "It said nothing."
