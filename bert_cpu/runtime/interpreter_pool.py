"""Interpreters of one file that run side by side, for many texts."""

import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter

Item = TypeVar("Item")
Result = TypeVar("Result")

# What LiteRT prints while it opens a file is kept off standard error, which all
# threads share: two that move it at once would lose it.
_OPENING = threading.Lock()


class InterpreterPool:
    """Keeps every core at work on a text of its own.

    An interpreter with a thread a core makes one answer soonest; one interpreter a
    core, each of one thread, makes more answers a second, because they don't wait for
    each other within a layer. LiteRT lets go of Python's lock while it computes.

    Use it in a `with` statement, which ends its threads.

    Args:
        path, buckets: see `BucketedInterpreter`.
        instances: how many interpreters. Each is opened when there is work for it.
        threads: threads of each.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        buckets: Sequence[int],
        instances: int,
        threads: int = 1,
    ):
        self._open = lambda: BucketedInterpreter(path, buckets, threads)
        self._workers = ThreadPoolExecutor(instances, "interpreter")
        self._idle: queue.SimpleQueue[BucketedInterpreter] = queue.SimpleQueue()
        self.instances = instances
        self.threads = threads

    def submit(
        self,
        function: Callable[[BucketedInterpreter, Item], Result],
        items: Sequence[Item],
        sizes: Sequence[int],
    ) -> list[Future[Result]]:
        """Calls `function` with an interpreter and each item, the largest first.

        Largest first, because then the last ones are short, and all cores are done
        at about the same time.

        Args:
            function: is called in several threads at once.
            items: what it is called with.
            sizes: of each, in tokens.

        Returns:
            What each item came to, in the order of the items.
        """
        futures: dict[int, Future[Result]] = {}
        for index in sorted(range(len(items)), key=lambda i: -sizes[i]):
            futures[index] = self._workers.submit(self._run, function, items[index])
        return [futures[index] for index in range(len(items))]

    def close(self) -> None:
        """Ends its threads; what has not begun is left undone."""
        self._workers.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> "InterpreterPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, function, item):
        try:
            interpreter = self._idle.get_nowait()
        except queue.Empty:
            with _OPENING:
                interpreter = self._open()  # Never more than there are threads.
        try:
            return function(interpreter, item)
        finally:
            self._idle.put(interpreter)
