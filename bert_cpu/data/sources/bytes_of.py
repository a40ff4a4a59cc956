"""How large the files are that an option may name."""

import os


def bytes_of(*files: str | None) -> int:
    """The bytes of all that are there.

    Args:
        files: paths; None for an option that was not given. One that is missing is
            told of when it is read.
    """
    there = (file for file in files if file is not None and os.path.exists(file))
    return sum(map(os.path.getsize, there))
