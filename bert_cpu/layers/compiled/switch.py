"""Whether layers are traced with compiled functions, and what compiles one."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator

import tensorflow as tf

_IS_ON = contextvars.ContextVar("compiled", default=False)


@contextlib.contextmanager
def compiled_kernels(is_on: bool = True) -> Iterator[None]:
    """Within it, layers that are traced to train use compiled functions.

    XLA makes a few passes over memory of what takes TensorFlow ten, but compiles anew
    for every shape, which takes tenths of a second each: it pays where a shape is
    met many times. Matrix products stay TensorFlow's, whose kernels are faster.
    """
    token = _IS_ON.set(is_on)
    try:
        yield
    finally:
        _IS_ON.reset(token)


def is_compiling() -> bool:
    return _IS_ON.get()


def compiled(function: Callable) -> Callable:
    """Makes a function of tensors one XLA program for each of their shapes."""
    return tf.function(function, jit_compile=True, autograph=False)
