"""Products with a bias, and what every weight of a block learns in bfloat16."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_cpu.layers.affine import affine
from bert_cpu.layers.compiled.switch import compiled_kernels
from bert_cpu.layers.dense import Dense
from bert_cpu.layers.encoder_block import EncoderBlock

# As many as a usual batch has tokens: sums that go wrong do so over many rows.
BATCH, LENGTH, HIDDEN = 32, 128, 32
ROWS = BATCH * LENGTH


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def error(found, expected):
    """How long the difference is, as a share of what was expected."""
    difference = np.float64(tf.cast(found, tf.float64)) - expected
    return np.linalg.norm(difference) / np.linalg.norm(expected)


@pytest.mark.parametrize(
    "dtype, most", [("float64", 1e-12), ("float32", 1e-5), ("bfloat16", 0.01)]
)
def test_a_product_and_its_gradients_are_numpys(dtype, most):
    x, kernel, bias, upstream = (
        np.float64(tf.cast(tf.cast(each, dtype), tf.float64))
        for each in (
            *(normal(ROWS, 24), normal(24, 40, seed=1), normal(40, seed=2)),
            1 + normal(ROWS, 40, seed=3),
        )
    )
    inputs = [tf.cast(each, dtype) for each in (x, kernel, bias)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = affine(*inputs)
    gradients = tape.gradient(output, inputs, tf.cast(upstream, dtype))
    expected = [
        *(x @ kernel + bias, upstream @ kernel.T),
        *(x.T @ upstream, upstream.sum(0)),
    ]
    for found, wanted in zip([output, *gradients], expected, strict=True):
        assert found.dtype == dtype
        assert error(found, wanted) < most


def test_dense_is_kerass():
    ours, theirs = Dense(7, "tanh"), keras.layers.Dense(7, "tanh")
    x = tf.constant(normal(5, 3), tf.float32)
    theirs(x), ours(x)
    theirs.bias.assign(normal(7, seed=1))
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), rtol=0, atol=1e-6)


def gradients_of(dtype, is_compiled, x, upstream):
    """Variable path -> gradient, of a block whose weights are always the same."""
    block = EncoderBlock(4, 2 * HIDDEN, dtype=dtype, name="block")
    block.build((None, None, HIDDEN))
    for seed, variable in enumerate(block.trainable_variables):
        variable.assign(normal(*variable.shape, seed=seed) / np.sqrt(HIDDEN))
    mask = np.int32(np.arange(LENGTH) < 100 + np.arange(BATCH)[:, None])
    values = [variable.value for variable in block.trainable_variables]
    with tf.GradientTape() as tape, compiled_kernels(is_compiled):
        output = block(tf.cast(x, block.compute_dtype), mask, training=True)
    gradients = tape.gradient(output, values, tf.cast(upstream, output.dtype))
    paths = [variable.path for variable in block.trainable_variables]
    return dict(zip(paths, gradients, strict=True))


@pytest.mark.parametrize("is_compiled", [False, True])
def test_every_weight_of_a_block_learns_in_bfloat16_what_it_learns_in_float64(
    is_compiled,
):
    x, upstream = normal(BATCH, LENGTH, HIDDEN), normal(BATCH, LENGTH, HIDDEN, seed=1)
    exact = gradients_of("float64", False, x, upstream)
    found = gradients_of("mixed_bfloat16", is_compiled, x, upstream)
    # Softmax does not see what is added to all keys: that bias has nothing to learn.
    exact.pop("block/attention/key/bias")
    wrong = {
        path: round(error(found[path], gradient), 3)
        for path, gradient in exact.items()
        if error(found[path], gradient) > 0.03
    }
    assert not wrong
