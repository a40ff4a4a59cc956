"""Compiled passes compute what the layers' plain operations compute."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from bert_cpu.layers.compiled.add_and_norm import add_and_norm
from bert_cpu.layers.compiled.attention_weights import attention_weights
from bert_cpu.layers.compiled.drop import drop, keep_mask
from bert_cpu.layers.compiled.gelu import compiled_gelu
from bert_cpu.layers.compiled.switch import compiled_kernels, is_compiling
from bert_cpu.layers.encoder_block import EncoderBlock
from bert_cpu.layers.gelu import gelu

SEED = tf.constant([7, -9])
NO_DROPOUT = {"rate": 0.0, "seed": SEED}
# bfloat16 keeps 8 bits of numbers of about 1.
TOLERANCE = {"float32": 1e-5, "bfloat16": 0.05}
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE)


def normal(*shape, seed=0, dtype="float32"):
    values = np.random.default_rng(seed).normal(size=shape)
    return tf.cast(tf.constant(values, tf.float32), dtype)


def with_gradients(function, upstream, *inputs):
    """Its value, and the gradient of each input."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = function(*inputs)
    return [output, *tape.gradient(output, inputs, upstream)]


def assert_alike(ours, theirs, dtype):
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(
            tf.cast(mine, tf.float32),
            tf.cast(other, tf.float32),
            rtol=TOLERANCE[dtype],
            atol=TOLERANCE[dtype],
        )


@DTYPES
def test_gelu_and_its_gradient_are_the_plain_ones(dtype):
    x, upstream = (3 * normal(40, 9, seed=seed, dtype=dtype) for seed in (0, 1))
    ours = with_gradients(compiled_gelu, upstream, x)
    assert {each.dtype for each in ours} == {x.dtype}
    assert_alike(ours, with_gradients(gelu, upstream, x), dtype)


@DTYPES
@pytest.mark.parametrize("queries", [1, 5])
def test_attention_weights_are_a_masked_softmax(dtype, queries):
    scores = 5 * normal(2, 3, queries, 5, dtype=dtype)
    upstream = normal(2, 3, queries, 5, seed=1, dtype=dtype)
    # The second sequence has two tokens only.
    added = tf.constant([[[0.0] * 5], [[0.0, 0.0, -1e9, -1e9, -1e9]]])

    def plain(scores):
        wide = tf.cast(scores, tf.float32) * 0.25 + added[:, None]
        return tf.cast(keras.ops.softmax(wide), dtype)

    ours = with_gradients(
        lambda x: attention_weights(x, added, 0.25, **NO_DROPOUT), upstream, scores
    )
    assert ours[0].dtype == scores.dtype
    assert np.count_nonzero(tf.cast(ours[0][1, :, :, 2:], tf.float32)) == 0
    assert_alike(ours, with_gradients(plain, upstream, scores), dtype)


def test_attention_weights_survive_scores_that_would_overflow():
    scores = tf.constant([[[[500.0, 400.0, -500.0]]]])
    weights = attention_weights(scores, tf.zeros((1, 1, 3)), 1.0, **NO_DROPOUT)
    np.testing.assert_allclose(weights[0, 0, 0], [1, 0, 0], atol=1e-6)


@DTYPES
def test_add_and_norm_is_the_norm_of_the_sum(dtype):
    x, change, upstream = (normal(3, 4, 16, seed=s, dtype=dtype) for s in (0, 1, 2))
    gamma, beta = 1 + 0.3 * normal(16, seed=3), normal(16, seed=4)

    def plain(x, change, gamma, beta):
        total = tf.cast(x, tf.float32) + tf.cast(change, tf.float32)
        mean, variance = tf.nn.moments(total, axes=[-1], keepdims=True)
        normed = tf.nn.batch_normalization(total, mean, variance, beta, gamma, 1e-12)
        return tf.cast(normed, dtype)

    def ours(x, change, gamma, beta):
        return add_and_norm(x, change, gamma, beta, 1e-12, **NO_DROPOUT)

    inputs = (x, change, gamma, beta)
    results = with_gradients(ours, upstream, *inputs)
    assert [each.dtype for each in results[:3]] == [x.dtype] * 3
    assert_alike(results, with_gradients(plain, upstream, *inputs), dtype)


def longhand_mask(count, rate, seed):
    """The choices, hashed one word at a time in Python's whole numbers."""

    def mix(bits):
        bits ^= bits >> 16
        bits = bits * 0x85EBCA6B % 2**32
        bits ^= bits >> 13
        bits = bits * 0xC2B2AE35 % 2**32
        return bits ^ bits >> 16

    first, second = (int(half) % 2**32 for half in seed)
    hashes = (mix((mix(i ^ first) + second) % 2**32) for i in range(count))
    return np.array([bits >= round(rate * 2**32) for bits in hashes])


def test_what_is_kept_is_a_hash_of_its_number_and_the_seed():
    kept = keep_mask((5, 40), 0.3, SEED).numpy().ravel()
    np.testing.assert_array_equal(kept, longhand_mask(200, 0.3, SEED.numpy()))


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_keeps_its_share_in_every_place(rate):
    """No row, column or pair of neighbours is kept more often than by chance."""
    masks = np.stack([keep_mask((40, 50), rate, (3, s)).numpy() for s in range(100)])
    for counts, trials in (
        (masks.sum(axis=(0, 1)), 4000),
        (masks.sum(axis=(0, 2)), 5000),
        (masks.sum(axis=(1, 2)), 2000),
    ):
        spread = np.sqrt(trials * rate * (1 - rate))
        deviations = (counts - trials * (1 - rate)) / spread
        assert scipy.stats.kstest(deviations, "norm").pvalue > 1e-3
    for pairs in (
        masks[:, :, 1:] & masks[:, :, :-1],
        masks[:, 1:] & masks[:, :-1],
        masks[1:] & masks[:-1],
    ):
        assert pairs.mean() == pytest.approx((1 - rate) ** 2, abs=0.01)


def test_dropout_scales_up_what_it_keeps():
    x = tf.ones((300, 100))
    dropped = drop(x, 0.25, SEED).numpy()
    np.testing.assert_allclose(np.unique(dropped), [0, 4 / 3], rtol=1e-6)
    assert dropped.mean() == pytest.approx(1, abs=0.02)


def test_the_gradient_passes_where_the_value_passed():
    change, zeros, ones = normal(2, 30, 8), tf.zeros((2, 30, 8)), tf.ones(8)
    kept = keep_mask((2, 30, 8), 0.5, SEED).numpy()
    _, to_x, to_change, *_ = with_gradients(
        lambda *inputs: add_and_norm(*inputs, 1e-12, 0.5, SEED),
        normal(2, 30, 8, seed=1),
        zeros,
        change,
        ones,
        zeros[0, 0],
    )
    np.testing.assert_allclose(to_change, np.where(kept, 2 * to_x, 0), atol=1e-6)
    scores = normal(2, 3, 6, 6)
    kept = keep_mask((2, 3, 6, 6), 0.5, SEED).numpy()
    weights, to_scores = with_gradients(
        lambda scores: attention_weights(scores, zeros[:, :1, :6], 1.0, 0.5, SEED),
        normal(2, 3, 6, 6, seed=1),
        scores,
    )
    shares = keras.ops.softmax(scores).numpy()
    np.testing.assert_allclose(weights, np.where(kept, 2 * shares, 0), atol=1e-6)
    upstream = np.where(kept, 2 * normal(2, 3, 6, 6, seed=1).numpy(), 0)
    expected = shares * (upstream - (shares * upstream).sum(-1, keepdims=True))
    np.testing.assert_allclose(to_scores, expected, atol=1e-6)


@pytest.mark.parametrize("first_only", [False, True])
def test_a_compiled_block_and_its_gradients_are_the_plain_ones(first_only):
    block = EncoderBlock(4, 48)
    block.build((None, 7, 24), (None, 7))
    random = np.random.default_rng(1)
    for variable in block.trainable_variables:
        variable.assign(random.normal(0, 0.3, variable.shape))
    x, mask = normal(3, 7, 24), np.int32(np.arange(7) < np.array([[7], [4], [1]]))
    weights = [weight.value for weight in block.trainable_variables]
    results = []
    for is_on in (False, True):
        with tf.GradientTape() as tape, compiled_kernels(is_on):
            tape.watch(x)
            output = block(x, mask, first_only=first_only, training=True)
            loss = tf.reduce_sum(output**3)
        results.append([output, *tape.gradient(loss, [x, *weights])])
    for plain, compiled in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-4, atol=1e-3)


def test_compiling_ends_with_its_context_even_by_an_error():
    def fail():
        with compiled_kernels():
            assert is_compiling()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not is_compiling()
