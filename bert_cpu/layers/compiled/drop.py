"""Dropout whose choices are worked out anew wherever they are asked for."""

import tensorflow as tf


def drop(x, rate, seed):
    """Zeroes a share of the features and scales up the rest.

    Args:
        x: float32 tensor of any shape.
        rate: float in `[0, 1)`. Share to zero; 0 returns `x`.
        seed: int32 `(2,)`. Fixes which, the same forwards and backwards.
    """
    if not rate:
        return x
    return tf.where(keep_mask(tf.shape(x), rate, seed), x * (1 / (1 - rate)), 0.0)


def keep_mask(shape, rate, seed):
    """Draws a choice for each feature from a hash of its number and the seed.

    Within a compiled function this costs a few instructions and no memory, and the
    gradient draws the same again instead of keeping it.

    Args:
        shape: of the features.
        rate: float in `[0, 1)`. Share to zero.
        seed: int32 `(2,)`. Fixes the choices.

    Returns:
        bool of `shape`, true with probability `1 - rate`, rounded to `2**-32`.

    Reference: the finalizer of MurmurHash3 (Appleby 2011), applied twice, each
    time with another half of the seed.
    """
    numbers = tf.reshape(tf.range(tf.reduce_prod(shape)), shape)
    halves = tf.bitcast(seed, tf.uint32)
    bits = _mix(tf.bitcast(numbers, tf.uint32) ^ halves[0])
    bits = _mix(bits + halves[1])
    return bits >= tf.constant(round(rate * 2**32), tf.uint32)


def _mix(bits):
    """Lets every bit of a uint32 hang on every other."""
    bits ^= tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32))
    bits *= tf.constant(0x85EBCA6B, tf.uint32)
    bits ^= tf.bitwise.right_shift(bits, tf.constant(13, tf.uint32))
    bits *= tf.constant(0xC2B2AE35, tf.uint32)
    return bits ^ tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32))
