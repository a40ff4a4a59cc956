"""What ends each half of an encoder block: dropout, the sum, and layer norm."""

import tensorflow as tf

from bert_cpu.layers.compiled.drop import drop
from bert_cpu.layers.compiled.switch import compiled


def add_and_norm(x, change, gamma, beta, epsilon, rate, seed):
    """Computes it by one program forwards and one backwards.

    Args:
        x, change: float `(batch, length, hidden_size)`.
        gamma, beta: float32 `(hidden_size,)`.
        epsilon: float. Added to the variance.
        rate: float in `[0, 1)`. Share of `change` that dropout zeroes.
        seed: int32 `(2,)`. Fixes which.

    Returns:
        A tensor like `x`.

    Reference: Ba et al. 2016, https://arxiv.org/abs/1607.06450.
    """

    @tf.custom_gradient
    def norm(x, change, gamma, beta):
        output, normed, deviation = _forward(
            x, change, gamma, beta, epsilon, rate, seed
        )

        def gradient(upstream):
            return _backward(normed, deviation, upstream, gamma, rate, seed)

        return output, gradient

    shape = tf.shape(x)
    # As rows: XLA takes three times as long for a sum over two axes.
    x, change = (tf.reshape(each, (-1, each.shape[-1])) for each in (x, change))
    return tf.reshape(norm(x, change, gamma, beta), shape)


@compiled
def _forward(x, change, gamma, beta, epsilon, rate, seed):
    total = tf.cast(x, tf.float32) + drop(tf.cast(change, tf.float32), rate, seed)
    centered = total - tf.reduce_mean(total, axis=-1, keepdims=True)
    variance = tf.reduce_mean(centered * centered, axis=-1, keepdims=True)
    deviation = tf.sqrt(variance + epsilon)
    normed = centered / deviation
    output = tf.cast(normed * gamma + beta, x.dtype)
    return output, tf.cast(normed, x.dtype), deviation


@compiled
def _backward(normed, deviation, upstream, gamma, rate, seed):
    dtype = normed.dtype
    normed, upstream = tf.cast(normed, tf.float32), tf.cast(upstream, tf.float32)
    wanted = upstream * gamma
    mean = tf.reduce_mean(wanted, axis=-1, keepdims=True)
    along = tf.reduce_mean(wanted * normed, axis=-1, keepdims=True)
    to_total = (wanted - mean - normed * along) / deviation
    return (
        tf.cast(to_total, dtype),
        tf.cast(drop(to_total, rate, seed), dtype),
        tf.reduce_sum(upstream * normed, axis=0),
        tf.reduce_sum(upstream, axis=0),
    )
