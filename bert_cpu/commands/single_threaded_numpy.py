"""NumPy without the threads that it multiplies matrices with."""

import contextlib
import os
from collections.abc import Iterator

_THREADS = "OPENBLAS_NUM_THREADS"


@contextlib.contextmanager
def single_threaded_numpy() -> Iterator[None]:
    """For a first import of NumPy where nothing big is multiplied with it.

    Its library starts a thread a core when it is loaded, and they look for work for a
    while. What the user has set stays.
    """
    if _THREADS in os.environ:
        yield
        return
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        del os.environ[_THREADS]
