"""What a process of ours needs to import what the one that starts it can."""

import os
import sys


def import_paths() -> dict[str, str]:
    """The variable for a process that is started with Python's `-P`.

    Without `-P`, `python -m` imports from the directory that the user is in before
    all others: a file there that is named like a library would be run in its place.

    Returns:
        `PYTHONPATH`, with all that this process imports from.
    """
    return {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
