"""The end of a process that has nothing left to put in order."""

import os
import sys


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
