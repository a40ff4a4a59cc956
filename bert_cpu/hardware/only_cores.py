"""Fewer cores for a while, for this process and all of its threads."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def only_cores(num_cores: int) -> Iterator[None]:
    """Keeps all threads that this process has now to the first of its cores.

    TensorFlow makes its threads once, and has no other way to get by with fewer
    cores afterwards. Threads that begin meanwhile have what their maker has. Linux
    only.

    Args:
        num_cores: int, from 1 to those that the process may use.

    Raises:
        ValueError: if there are not so many.
    """
    allowed = {thread: os.sched_getaffinity(thread) for thread in _threads()}
    own = sorted(os.sched_getaffinity(0))
    if not 1 <= num_cores <= len(own):
        raise ValueError(
            f"`num_cores` is {num_cores}, but this process may use {len(own)} cores."
        )
    kept = set(own[:num_cores])
    for thread in allowed:
        _keep(thread, kept)
    try:
        yield
    finally:
        for thread in _threads():
            _keep(thread, allowed.get(thread, set(own)))


def _threads() -> list[int]:
    return [int(path.name) for path in Path("/proc/self/task").iterdir()]


def _keep(thread: int, cores: set[int]) -> None:
    # It may have ended since it was listed.
    with contextlib.suppress(ProcessLookupError):
        os.sched_setaffinity(thread, cores)
