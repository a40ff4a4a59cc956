"""Dropout drops its share by its seed, and the gradient passes where the value did."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from layer_cases import BATCH, LENGTH, normal

from bert_cpu.layers.dropout import Dropout, random_bytes


@pytest.mark.parametrize(
    "rate, cases", [(0.1, 26), (0.5, 128), (1 / 256, 1), (0.999, 255)]
)
def test_dropout_zeroes_its_rate_rounded_to_a_256th(rate, cases):
    share, count = cases / 256, 400_000
    dropped = Dropout(rate, seed=0)(tf.ones(count), training=True).numpy()
    error = np.sqrt(share * (1 - share) / count)
    assert abs(np.mean(dropped == 0) - share) < 5 * error
    # What is kept is scaled by the share that is really kept.
    np.testing.assert_allclose(dropped[dropped > 0], 1 / (1 - share), rtol=1e-6)
    assert abs(dropped.mean() - 1) < 5 * error / (1 - share)


@pytest.mark.parametrize("rate, training", [(0.3, False), (0.0, True), (0.001, True)])
def test_dropout_returns_its_input_where_nothing_is_to_drop(rate, training):
    x = normal(BATCH, LENGTH)
    assert Dropout(rate)(x, training=training) is x


def test_dropout_draws_by_its_seed_and_anew_in_each_call():
    x = tf.ones((50, 7))
    one, same, other = Dropout(0.5, seed=1), Dropout(0.5, seed=1), Dropout(0.5, seed=2)
    first, second = (one(x, training=True).numpy() for _ in range(2))
    np.testing.assert_array_equal(same(x, training=True), first)
    assert np.mean(first == second) == pytest.approx(0.5, abs=0.15)
    assert np.mean(first == other(x, training=True)) == pytest.approx(0.5, abs=0.15)


def test_a_rate_too_low_for_bytes_still_draws_new_seeds():
    dropout = Dropout(0.001, seed=3)
    first, second = (dropout.draw_seed().numpy().tolist() for _ in range(2))
    assert first != second


def test_dropout_without_seed_follows_the_global_one():
    masks = []
    for _ in range(2):
        keras.utils.set_random_seed(11)
        masks.append(Dropout(0.5)(tf.ones(99), training=True).numpy())
    np.testing.assert_array_equal(*masks)


def test_dropout_goes_on_from_the_state_in_its_variable():
    layer, x = Dropout(0.5, seed=1), tf.ones(99)
    layer(x, training=True)
    (state,) = layer.variables
    assert not state.trainable
    saved = state.numpy()
    expected = layer(x, training=True).numpy()
    restored = Dropout(0.5, seed=5)
    restored.variables[0].assign(saved)
    np.testing.assert_array_equal(restored(x, training=True), expected)


def test_dropout_draws_anew_in_each_step_of_a_graph():
    layer = Dropout(0.5, seed=1)
    step = tf.function(lambda x: layer(x, training=True))
    first, second = (step(tf.ones(99)).numpy() for _ in range(2))
    assert (first != second).any()


def test_the_gradient_passes_where_the_value_passed():
    layer, x = Dropout(0.4, seed=1), normal(200)
    with tf.GradientTape() as tape:
        tape.watch(x)
        dropped = layer(x, training=True)
    np.testing.assert_allclose(tape.gradient(dropped, x), dropped / x, rtol=1e-6)


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5])
def test_dropout_refuses_what_is_no_share(rate):
    with pytest.raises(ValueError, match=rf"`rate` is {rate}, but must be a share"):
        Dropout(rate)


@pytest.mark.parametrize("shape", [(0,), (1,), (5,), (3, 7, 11), (64, 1024)])
def test_random_bytes_have_any_shape_and_every_value_alike(shape):
    drawn = random_bytes(tf.constant(shape), tf.constant([1, 2])).numpy()
    assert (drawn.shape, drawn.dtype) == (shape, np.uint8)
    if drawn.size > 10_000:
        counts = np.bincount(drawn.ravel(), minlength=256)
        assert scipy.stats.chisquare(counts).pvalue > 1e-4
