"""Interpreters of one file that run side by side, for many texts."""

import dataclasses
import functools
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter

Item = TypeVar("Item")
Result = TypeVar("Result")

# What LiteRT prints while it opens a file is kept off standard error, which all
# threads share: two that move it at once would lose it.
_OPENING = threading.Lock()
# Tokens in a group: by itself a text takes 7 us to be handed over, in a group 3.
_GROUP = 128
# Groups that there must be for each interpreter, lest some have none.
_GROUPS_EACH = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Pending(Generic[Result]):
    """What an item will have come to, when its group is done."""

    _group: "Future[list[Callable[[], Result]]]"
    _place: int

    def result(self) -> Result:
        """Waits for it, and raises what was raised in its place."""
        return self._group.result()[self._place]()


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
    ) -> list[Pending[Result]]:
        """Calls `function` with an interpreter and each item, the largest first.

        Largest first, because then the last ones are short, and all cores are done
        at about the same time. Small ones are handed over in groups.

        Args:
            function: is called in several threads at once.
            items: what it is called with.
            sizes: of each, in tokens.

        Returns:
            What each item came to, in the order of the items.
        """
        pending: dict[int, Pending[Result]] = {}
        share = sum(sizes) // (_GROUPS_EACH * self.instances)
        for group in _groups(sizes, min(_GROUP, share)):
            future = self._workers.submit(
                self._run, function, [items[index] for index in group]
            )
            for place, index in enumerate(group):
                pending[index] = Pending(future, place)
        return [pending[index] for index in range(len(items))]

    def close(self) -> None:
        """Ends its threads; what has not begun is left undone."""
        self._workers.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> "InterpreterPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, function, items):
        try:
            interpreter = self._idle.get_nowait()
        except queue.Empty:
            with _OPENING:
                interpreter = self._open()  # Never more than there are threads.
        try:
            return [_outcome(function, interpreter, item) for item in items]
        finally:
            self._idle.put(interpreter)


def _outcome(function, interpreter, item):
    """A function that returns what it came to, or raises what it raised."""
    try:
        result = function(interpreter, item)
    except Exception as error:
        return functools.partial(_raise, error)
    return lambda: result


def _raise(error):
    raise error


def _groups(sizes: Sequence[int], least: int) -> Iterator[list[int]]:
    """The places of all sizes, the largest first, in groups of `least` or more."""
    group: list[int] = []
    total = 0
    for index in sorted(range(len(sizes)), key=lambda index: -sizes[index]):
        group.append(index)
        total += sizes[index]
        if total >= least:
            yield group
            group, total = [], 0
    if group:
        yield group
