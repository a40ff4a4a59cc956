"""The end of a process that has nothing left to put in order."""

import os
import sys

_KEPT: list[object] = []


def keep_until_left(thing: object) -> None:
    """Spares a process that will leave at once from freeing something big before.

    An open model takes as long to free as to answer three texts.
    """
    _KEPT.append(thing)


def let_go() -> None:
    """Frees what was kept, in a process that goes on after all."""
    _KEPT.clear()


def leave_at_once(code: int) -> None:
    """Ends this process without taking it apart, once all that it said is out.

    Python would free every object of every library first, which takes a tenth of the
    time of a process that answers one text, and 1.5 s of one that trained; the system
    frees them at one go. It is for a command that leaves no files, threads or processes
    behind.

    Args:
        code: the exit code.

    Returns:
        If something could not be said, for Python to leave as it does.
    """
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # As it is where it was closed from the start.
                stream.flush()
    except (OSError, ValueError):
        return
    os._exit(code)
