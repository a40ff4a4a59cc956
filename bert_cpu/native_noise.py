"""Keeps what native libraries print while they start off the user's terminal."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Drops what is written to the process's standard error meanwhile.

    TensorFlow and LiteRT write greetings there that no setting turns off.
    Python's exceptions are not affected: they are printed afterwards.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
