"""Updates of big weights in C++, in one pass over memory."""

import math
from collections.abc import Sequence

import tensorflow as tf

from bert_cpu.layers.native.operations import training_operations
from bert_cpu.training.streams import count_streams

# Below, TensorFlow's kernel takes less time than it takes to hand over.
_FEWEST_WEIGHTS = 16 * 1024


def takes_natively(variable) -> bool:
    """Whether `NativeUpdates` is worth it for a variable, where it can be had."""
    return math.prod(variable.shape) >= _FEWEST_WEIGHTS


class NativeUpdates:
    """The updates of one step, side by side on as many threads as it has.

    What an update makes is new memory, which takes the place of the old one when it
    is done. So there are chains of updates, each of which waits for the one before:
    not all weights are in memory twice at a time.

    Args:
        scale: float32 `()`. Multiplies gradients.
        to_mean, to_square, epsilon: floats. What Adam's beta_1 and beta_2 lack of 1,
            and what is added to the root of the velocity.
    """

    def __init__(self, scale, to_mean: float, to_square: float, epsilon: float):
        self._scale = scale
        self._constants = (to_mean, to_square, epsilon)
        self._chains = [_Chain() for _ in range(count_streams())]

    def add(self, handles: Sequence[tf.Tensor], gradient, kept, rate) -> None:
        """Adds a variable's.

        Args:
            handles: of float32 variables of one shape: weights, momentum, velocity.
            gradient: float32 tensor, or `tf.IndexedSlices` without repeated rows.
            kept: float32 `()`. The share of weights that decay leaves.
            rate: float32 `()`. Of learning, corrected for moments that start at 0.
        """
        chain = min(self._chains, key=lambda each: each.num_weights)
        with tf.control_dependencies(chain.last):
            values = [
                tf.raw_ops.ReadVariableOp(resource=h, dtype=tf.float32) for h in handles
            ]
        numbers = tf.stack([self._scale, kept, rate, *self._constants])
        operations = training_operations()
        if isinstance(gradient, tf.IndexedSlices):
            results = operations.bert_cpu_adamw_of_rows(
                *values, gradient.values, tf.cast(gradient.indices, tf.int32), numbers
            )
        else:
            results = operations.bert_cpu_adamw(*values, gradient, numbers)
        assigned = [
            tf.raw_ops.AssignVariableOp(resource=handle, value=result)
            for handle, result in zip(handles, results, strict=True)
        ]
        # None where it was done at once, outside of a graph.
        chain.last = [each for each in assigned if each is not None]
        chain.num_weights += math.prod(values[0].shape)


class _Chain:
    def __init__(self):
        self.last = []
        self.num_weights = 0
