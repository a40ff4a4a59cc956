"""GELU and its gradient, each compiled."""

import math

import tensorflow as tf

from bert_cpu.layers.compiled.switch import compiled


@tf.custom_gradient
def compiled_gelu(x):
    """What `layers.gelu` is, computed in float32 whatever the dtype of `x`."""
    return _forward(x), lambda upstream: _backward(x, upstream)


@compiled
def _forward(x):
    wide = tf.cast(x, tf.float32)
    return tf.cast(wide * _share_below(wide), x.dtype)


@compiled
def _backward(x, upstream):
    wide = tf.cast(x, tf.float32)
    density = tf.exp(-0.5 * wide * wide) * (1 / math.sqrt(2 * math.pi))
    slope = _share_below(wide) + wide * density
    return tf.cast(tf.cast(upstream, tf.float32) * slope, x.dtype)


def _share_below(x):
    return 0.5 + 0.5 * tf.math.erf(x * math.sqrt(0.5))
