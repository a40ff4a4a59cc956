"""Scores of attention to the weights of values: scale, mask, softmax, dropout."""

import tensorflow as tf

from bert_cpu.layers.compiled.drop import drop
from bert_cpu.layers.compiled.switch import compiled


def attention_weights(scores, blocked, scale, rate, seed):
    """Computes them by one program forwards and one backwards.

    Args:
        scores: float `(batch, heads, queries, keys)`.
        blocked: float32 `(batch, 1 or queries, keys)`. What is added to scores: 0,
            or large and negative where a key may not be attended to.
        scale: float. Multiplies scores before.
        rate: float in `[0, 1)`. Share of weights that dropout zeroes.
        seed: int32 `(2,)`. Fixes which.

    Returns:
        A tensor like `scores`.
    """

    @tf.custom_gradient
    def weigh(scores):
        weights, shares = _forward(scores, blocked, scale, rate, seed)
        return weights, lambda upstream: _backward(shares, weights, upstream, scale)

    return weigh(scores)


@compiled
def _forward(scores, blocked, scale, rate, seed):
    wide = tf.cast(scores, tf.float32) * scale + blocked[:, None]
    # The largest of a row is taken off: it divides out, and nothing overflows.
    powers = tf.exp(wide - tf.reduce_max(wide, axis=-1, keepdims=True))
    shares = powers / tf.reduce_sum(powers, axis=-1, keepdims=True)
    return tf.cast(drop(shares, rate, seed), scores.dtype), tf.cast(
        shares, scores.dtype
    )


@compiled
def _backward(shares, weights, upstream, scale):
    dtype = shares.dtype
    shares = tf.cast(shares, tf.float32)
    # What dropout took is zero in the weights, so its choices need not be drawn again.
    wanted = tf.cast(weights, tf.float32) * tf.cast(upstream, tf.float32)
    mean = tf.reduce_sum(wanted, axis=-1, keepdims=True)
    return tf.cast((wanted - shares * mean) * scale, dtype)
