"""NumPy without what a process that answers one text has no use for."""

import contextlib
import os
import sys
import types
from collections.abc import Iterator

_THREADS = "OPENBLAS_NUM_THREADS"
# What NumPy is told in place of its own: nothing. It takes as long as ten answers to
# write the help of its functions, and to say of what type some are.
_HELP = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")
_TYPES = "numpy._typing"


def import_light_numpy() -> None:
    """Imports NumPy for a command that answers and ends, if it was not yet.

    It computes as ever, but on one thread, as its library starts a thread a core when
    it is loaded, which look for work for a while; and without the help of its
    functions. Threads that the user has set stay.
    """
    if "numpy" in sys.modules:
        return
    with _single_threaded(), _without_help():
        import numpy  # noqa: F401


@contextlib.contextmanager
def _single_threaded() -> Iterator[None]:
    if _THREADS in os.environ:
        yield
        return
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        del os.environ[_THREADS]


@contextlib.contextmanager
def _without_help() -> Iterator[None]:
    stand_ins = {name: types.ModuleType(name) for name in _HELP}
    stand_ins[_TYPES] = _Types(_TYPES)
    sys.modules |= stand_ins
    try:
        yield
    finally:
        # Who asks for them from now on gets the real ones.
        for name in stand_ins:
            sys.modules.pop(name, None)


class _Types(types.ModuleType):
    """Has every name, for something that can be indexed as types are."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return tuple
