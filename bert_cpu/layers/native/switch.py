"""Whether layers are traced with operations in C++."""

import contextlib
import contextvars
from collections.abc import Iterator

from bert_cpu.layers.native.operations import training_operations
from bert_cpu.native.training_library import fits_operations

_IS_ON = contextvars.ContextVar("native", default=False)


@contextlib.contextmanager
def native_kernels(is_on: bool = True) -> Iterator[None]:
    """Within it, layers that are traced use them where `fits_native`.

    They take fewer passes over memory than what XLA compiles, whose place they take,
    and are the same for all shapes. Each works on the thread that calls it alone.
    """
    token = _IS_ON.set(is_on)
    try:
        yield
    finally:
        _IS_ON.reset(token)


def is_native(dtype: str, *columns: int) -> bool:
    """Whether to trace rows with them now.

    Args:
        dtype: of the layer's matrix products.
        columns: of rows, or of a head's part of them.
    """
    return _IS_ON.get() and fits_native(dtype, *columns)


def fits_native(dtype: str, *columns: int) -> bool:
    """Whether there are operations for such rows."""
    return fits_operations(dtype, *columns) and training_operations() is not None
