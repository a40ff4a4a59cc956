"""Weights in the dtype of products, cast once for all parts of a batch."""

import contextlib
import contextvars
from collections.abc import Iterator

from keras import ops

_MADE = contextvars.ContextVar[dict | None]("casts", default=None)


@contextlib.contextmanager
def casting_once() -> Iterator[None]:
    """Within it, calls of a model share what they cast.

    All must be traced into one graph. A weight's gradient is summed over the calls
    before it is cast back, so that each is written and read once.
    """
    token = _MADE.set({})
    try:
        yield
    finally:
        _MADE.reset(token)


def cast_once(weight, dtype):
    """A weight as a tensor of another dtype.

    Args:
        weight: keras.Variable.
        dtype: str.
    """
    made = _MADE.get()
    if made is None:
        return ops.cast(weight, dtype)
    key = id(weight), dtype
    if key not in made:
        # Kept beside it, so that its id stays its own.
        made[key] = ops.cast(weight, dtype), weight
    return made[key][0]
