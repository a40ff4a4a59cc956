"""Other ways to sum gradients over workers than the one that training has."""

import contextlib
import unittest.mock
from collections.abc import Callable, Iterator
from typing import Any

# As `bert_cpu/training/step.py` does it: gradients in the order in which they come,
# until there are as many bytes as `pack_bytes` says, 4 MB between a few workers.
PACKS = "in packs"
# TensorFlow without options: one tensor of all gradients, so that none is sent before
# the last is there.
FLAT = "flat"
# An all-reduce for each gradient, which can start while others are computed.
PER_VARIABLE = "per variable"
# In packs too, of half of the bytes; sums are rounded to 8 bits.
BFLOAT16 = "bfloat16"
# Each worker keeps its own: for the time of a step without communication.
NONE = "none"
VARIANTS = (PACKS, FLAT, PER_VARIABLE, BFLOAT16, NONE)

# Of the variants that do not leave it to training; 0 is all at once.
_BYTES_PER_PACK = {FLAT: 0, PER_VARIABLE: 1}


@contextlib.contextmanager
def reducing(variant: str) -> Iterator[None]:
    """Steps that are traced within it sum gradients in another way.

    Training offers no choice, so that TensorFlow's all-reduce is exchanged for one
    that makes it. In a process alone there is nothing to exchange.

    Args:
        variant: one of `VARIANTS`.
    """
    import tensorflow as tf

    theirs = tf.distribute.ReplicaContext.all_reduce
    ours = _all_reduce(variant, theirs)
    with unittest.mock.patch.object(tf.distribute.ReplicaContext, "all_reduce", ours):
        yield


def _all_reduce(variant: str, theirs: Callable) -> Callable:
    import tensorflow as tf

    def all_reduce(self: Any, reduce_op: str, value: Any, options: Any = None) -> Any:
        if variant == NONE:
            return value
        # Beside gradients a step sums three numbers, which stay as exact as they are.
        if not (isinstance(value, list) and value[0].shape.rank > 0):
            return theirs(self, reduce_op, value, options)
        if variant in _BYTES_PER_PACK:
            options = tf.distribute.experimental.CommunicationOptions(
                bytes_per_pack=_BYTES_PER_PACK[variant]
            )
        if variant != BFLOAT16:
            return theirs(self, reduce_op, value, options)
        short = [tf.cast(gradient, tf.bfloat16) for gradient in value]
        return [tf.cast(x, tf.float32) for x in theirs(self, reduce_op, short, options)]

    return all_reduce
