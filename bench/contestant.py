"""A process that takes part: asked one thing at a time, within a deadline."""

import contextlib
import json
import os
import pathlib
import selectors
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from typing import Any

import psutil

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What a shell may have set to choose kernels or threads for one of the libraries:
# contestants compute as they were installed.
_TUNING = ("KMP_", "MKL_", "OMP_", "ONEDNN_", "DNNL_", "OPENBLAS_", "TF_", "ORT_")


class ContestantFailed(Exception):
    """A contestant that can't go on; says which and why, in one line.

    Args:
        who: its name.
        why: what follows the name.
    """

    def __init__(self, who: str, why: str):
        super().__init__(f"{who} {why}")
        self.who = who


class Contestant:
    """Starts a process of `bench.serve`; a context manager that ends it.

    Args:
        name: for messages and the log file.
        python: the interpreter of the environment that has its libraries.
        module: see `bench.serve`.
        cores: numbers of the only cores that it may use.
        log: the file that gets what it prints.
        python_path: directories to import from, beside the project's.
    """

    def __init__(
        self,
        name: str,
        python: str | os.PathLike[str],
        module: str,
        cores: Iterable[int],
        log: pathlib.Path,
        python_path: Iterable[str] = (),
    ):
        self.name = name
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        cores = sorted(cores)
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [
                    os.fspath(python),
                    "-m",
                    "bench.serve",
                    module,
                    ",".join(map(str, cores)),
                ],
                cwd=ROOT,
                env=contestant_environment(os.environ, len(cores), python_path),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                # Whatever it starts is ended with it.
                start_new_session=True,
            )
        self._waiting = b""

    def __enter__(self) -> "Contestant":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, what: str, deadline_seconds: float, **details: Any) -> dict[str, Any]:
        """Asks one thing and waits for the answer.

        Args:
            what, details: see `bench.serve`.
            deadline_seconds: then the process is ended.

        Raises:
            ContestantFailed: if it says so, dies, or is too late.
        """
        assert self._process.stdin is not None
        request = json.dumps({"ask": what, **details}) + "\n"
        try:
            self._process.stdin.write(request.encode())
            self._process.stdin.flush()
        except OSError:
            raise self._death(what) from None
        line = self._read_line(time.monotonic() + deadline_seconds)
        if line is None:
            self.close(is_polite=False)
            raise ContestantFailed(
                self.name, f"did not {what} within {deadline_seconds:.3g} s"
            )
        if not line:
            raise self._death(what)
        answer = json.loads(line)
        if "failed" in answer:
            raise ContestantFailed(self.name, f"can't {what}: {answer['failed']}")
        return answer

    def cpu_seconds(self) -> float:
        """Processor time of it and of what it started, so far."""
        try:
            process = psutil.Process(self._process.pid)
            family = [process, *process.children(recursive=True)]
        except psutil.Error:
            return 0.0
        total = 0.0
        for each in family:
            with contextlib.suppress(psutil.Error):
                times = each.cpu_times()
                total += times.user + times.system
        return total

    def peak_memory_mb(self) -> float:
        """The most memory that it held at once, by now; 0 where nothing tells."""
        try:
            text = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return 0.0
        lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        return int(lines.get("VmHWM", "0 kB").split()[0]) * 1024 / 1e6

    def close(self, is_polite: bool = True) -> None:
        """Ends it and all that it started. May be called twice."""
        if is_polite and self._process.poll() is None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                assert self._process.stdin is not None
                self._process.stdin.write(b'{"ask": "quit"}\n')
                self._process.stdin.flush()
                self._process.wait(timeout=10)
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()

    def kill(self) -> None:
        """Ends it at once, also while another thread asks it something."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _read_line(self, end: float) -> bytes | None:
        """An answer's line; nothing if it died, None if it is too late."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._waiting:
                left = end - time.monotonic()
                if left <= 0 or not selector.select(left):
                    return None
                chunk = os.read(self._process.stdout.fileno(), 1 << 16)
                if not chunk:
                    return b""
                self._waiting += chunk
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line

    def _death(self, what: str) -> ContestantFailed:
        self.close(is_polite=False)
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ContestantFailed(
            self.name,
            f"died when asked to {what} (exit code "
            f"{self._process.returncode}): {last[:200] or 'it said nothing'}",
        )


def contestant_environment(
    environment: Mapping[str, str], threads: int, python_path: Iterable[str] = ()
) -> dict[str, str]:
    """The variables of a contestant's process: one thread a core, nothing tuned.

    Args:
        environment: this process's.
        threads: of one contestant.
        python_path: directories to import from, beside the project's.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(_TUNING) and name != "LD_PRELOAD"
    }
    return kept | {
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *python_path]),
        "PYTHONUNBUFFERED": "1",
        "CUDA_VISIBLE_DEVICES": "-1",
        "HF_HUB_OFFLINE": "1",
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TRANSFORMERS_VERBOSITY": "error",
    }
