"""A process that does TensorFlow's part: its threads are numbered when it starts."""

import json
import os
import select
import subprocess
import sys
import time
from typing import Any

from bert_cpu.hardware.cpu import Hardware
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.import_paths import import_paths


class TensorFlowFailed(Exception):
    """It was too slow, or it ended; the message says which."""


class TensorFlowProcess:
    """Asks one process, line by line.

    Use it in a `with` statement, which ends the process whatever it does.

    Args:
        hardware: of this machine.
        threads: that it computes with.

    Attributes:
        threads: as given.
    """

    def __init__(self, hardware: Hardware, threads: int):
        # Without the profile that this measurement is to replace.
        environment = choose_profile(hardware, "float32", threads).environment()
        self.threads = threads
        self._asked = 0
        self._buffer = b""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bert_cpu.calibration.tensorflow_work"],
            env=os.environ | import_paths() | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, what: str, deadline: float, **arguments: Any) -> Any:
        """What a function of `tensorflow_work` returns.

        Args:
            what: its name.
            deadline: `time.monotonic()` after which it is not waited for. The answer
                that comes later is dropped.
            arguments: its arguments.

        Raises:
            TensorFlowFailed: if there is no answer before the deadline.
        """
        self.begin(what, **arguments)
        return self.wait(deadline)

    def begin(self, what: str, **arguments: Any) -> None:
        """As `ask`, without waiting for the answer."""
        assert self._process.stdin is not None
        self._asked += 1
        request = {"number": self._asked, "what": what, "arguments": arguments}
        line = json.dumps(request) + "\n"
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except OSError:
            raise TensorFlowFailed("TensorFlow's process ended") from None

    def wait(self, deadline: float) -> Any:
        """The answer to what was begun last."""
        answer = json.loads(self._read_line(deadline))
        while answer["number"] != self._asked:
            answer = json.loads(self._read_line(deadline))
        if "error" in answer:
            raise TensorFlowFailed(answer["error"])
        return answer["result"]

    def _read_line(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        number = self._process.stdout.fileno()
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([number], [], [], left)[0]:
                raise TensorFlowFailed("TensorFlow took longer than the time for it")
            piece = os.read(number, 1 << 16)
            if not piece:
                raise TensorFlowFailed("TensorFlow's process ended")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def close(self) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> "TensorFlowProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
