"""Python's search for garbage, off while many objects are made that are none."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def no_search_for_garbage() -> Iterator[None]:
    """Keeps Python from looking for objects that hold each other.

    It looks whenever many are made. Examples, features and what imports leave are many
    and none of that kind; with TensorFlow's objects beside them looking takes a third
    of the time. What is given up is freed at once as ever.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
