"""GELU and its approximation are SciPy's and Keras's."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from layer_cases import TOLERANCE, normal

from bert_cpu.layers.gelu import gelu, gelu_tanh


@pytest.mark.parametrize("dtype, atol", [("float32", 1e-6), ("bfloat16", 0.03)])
def test_gelu_and_its_gradient_are_scipys(dtype, atol):
    x = np.linspace(-6, 6, 401)
    below = scipy.stats.norm.cdf(x)
    tensor = tf.cast(x, dtype)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = gelu(tensor)
    slope = tape.gradient(
        y, tensor, output_gradients=tf.fill(x.shape, y.dtype.as_numpy_dtype(3))
    )
    assert y.dtype == slope.dtype == dtype
    y, slope = tf.cast(y, "float32"), tf.cast(slope, "float32")
    np.testing.assert_allclose(y, x * below, rtol=atol, atol=atol)
    expected = 3 * (below + x * scipy.stats.norm.pdf(x))
    np.testing.assert_allclose(slope, expected, rtol=atol, atol=3 * atol)


def test_gelu_is_kerass():
    x = normal(1000) * 3
    expected = keras.activations.gelu(x, approximate=False)
    np.testing.assert_allclose(gelu(x), expected, **TOLERANCE)


def test_gelu_tanh_is_the_approximation_and_not_gelu():
    x = normal(1000).numpy() * 3
    expected = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    np.testing.assert_allclose(gelu_tanh(x), expected, rtol=0, atol=2e-6)
    assert np.abs(gelu_tanh(x) - gelu(x)).max() > 1e-4


@pytest.mark.parametrize("function", [gelu, gelu_tanh])
def test_an_activation_is_found_again_by_its_name(function):
    name = keras.activations.serialize(function)
    assert keras.activations.get(name) is function
