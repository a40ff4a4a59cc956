"""GELU with a gradient of its own, in half the passes over memory."""

import math

import keras
import tensorflow as tf

from bert_cpu.layers.compiled.gelu import compiled_gelu
from bert_cpu.layers.compiled.switch import is_compiling
from bert_cpu.layers.native.gelu import native_gelu
from bert_cpu.layers.native.switch import is_native


@keras.saving.register_keras_serializable("bert_cpu")
def gelu(x):
    """`x` times the share of a normal distribution that lies below `x`.

    The values are those of `keras.activations.gelu(x, approximate=False)`. What
    automatic differentiation would keep of its five operations is here one
    tensor, and the gradient is written out.

    Args:
        x: float tensor of any shape.

    Returns:
        A tensor like `x`.

    Reference: Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415.
    """
    if is_native(keras.backend.standardize_dtype(x.dtype), x.shape[-1]):
        return native_gelu(x)
    return compiled_gelu(x) if is_compiling() else _gelu(x)


@keras.saving.register_keras_serializable("bert_cpu")
def gelu_tanh(x):
    """GELU by its tanh approximation, Hugging Face's `gelu_new`."""
    return keras.activations.gelu(x, approximate=True)


@tf.custom_gradient
def _gelu(x):
    share_below = 0.5 + 0.5 * tf.math.erf(x * math.sqrt(0.5))

    def gradient(upstream):
        density = tf.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))
        return upstream * (share_below + x * density)

    return x * share_below, gradient
