"""A process that writes pieces for another one; it needs no TensorFlow."""

import itertools
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from bert_cpu.data.pieces.piece import PieceWriter
from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.import_paths import import_paths

# A piece to write: its split, its number, and its examples.
Job = tuple[str, int, list[Example]]

# With a piece behind the one that it writes, it never waits for the next.
_MOST_GIVEN = 2
# How long a thread may work on while another one waits.
_SWITCH_SECONDS = 2e-4
_MODULE = "bert_cpu.data.pieces.writer_process"


class WriterProcess:
    """Starts a process, which has its libraries by the time it is told what to write.

    It is not one of `multiprocessing`, which would run the program's first file once
    more in it. Use it in a `with` statement. It ends with the process that started it.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=os.environ | import_paths(),
                stdin=subprocess.DEVNULL,
            )
        self._connection = Connection(ours.detach())
        self._given: list[tuple[str, int]] = []

    def __enter__(self) -> "WriterProcess":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Ends it, whatever it does: a piece that is not whole doesn't count."""
        self._connection.close()
        self._process.kill()
        self._process.wait()

    @property
    def has_work(self) -> bool:
        """Whether there are pieces that it was given and that are not done."""
        return bool(self._given)

    @property
    def is_free(self) -> bool:
        """Whether it can be given one more piece."""
        return len(self._given) < _MOST_GIVEN

    def begin(self, writer: PieceWriter) -> None:
        """Tells what it will write with.

        Raises:
            UserError: if it was ended from outside.
        """
        self._send(writer)

    def give(self, job: Job) -> None:
        """Has it write a piece; it must be free.

        Raises:
            UserError: if it was ended from outside.
        """
        split, number, examples = job
        self._given.append((split, number))
        # Of plain tuples they are sent in a third of the time.
        fields = [(e.text, e.text_pair, e.label, e.position) for e in examples]
        self._send((split, number, fields))

    def finished(self, is_awaited: bool) -> tuple[str, int] | None:
        """The split and number of the next piece that is there.

        Args:
            is_awaited: wait for it; else None if there is none yet.

        Raises:
            UserError: as `PieceWriter.write`; or if it was ended from outside.
        """
        if not self._given or not (is_awaited or self._connection.poll()):
            return None
        try:
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise _ended() from error
        if isinstance(answer, BaseException):
            raise answer
        return self._given.pop(0)

    def _send(self, content):
        try:
            self._connection.send(content)
        except OSError as error:
            raise _ended() from error


def _ended():
    return UserError(
        "A process that prepared records was ended from outside, perhaps for want of "
        "memory. Ask for fewer --processes."
    )


def main() -> None:
    """What the process does: it writes pieces until nobody gives one."""
    # Ctrl-C reaches every process of a terminal: the first one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Who gives a piece waits until it is taken: a few times a piece, and not for 5 ms.
    sys.setswitchinterval(_SWITCH_SECONDS)
    connection = Connection(int(sys.argv[1]))
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, waiting), daemon=True).start()
    writer = waiting.get()
    while True:
        split, number, fields = waiting.get()
        try:
            writer.write(split, number, list(itertools.starmap(Example, fields)))
            connection.send(None)
        except UserError as error:
            connection.send(error)


def _receive(connection, waiting):
    """Takes what is given at once: who gives it has other work."""
    try:
        while True:
            waiting.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)  # Nobody waits any more for what may be half written.


if __name__ == "__main__":
    main()
