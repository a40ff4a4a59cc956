"""One query gathers what it would of all tokens' keys and values."""

import numpy as np
import pytest
import tensorflow as tf

from bert_cpu.layers import attention
from bert_cpu.layers.attend_for_one import attend_for_one
from bert_cpu.layers.encoder_block import EncoderBlock

BATCH, LENGTH, HIDDEN, HEADS, SIZE = 3, 7, 10, 4, 2
WIDTH = HEADS * SIZE


@pytest.fixture
def given():
    random = np.random.default_rng(0)
    shapes = {
        "query": (BATCH, WIDTH),
        "tokens": (BATCH, LENGTH, HIDDEN),
        "key": (HIDDEN, WIDTH),
        "key_bias": (WIDTH,),
        "value": (HIDDEN, WIDTH),
        "value_bias": (WIDTH,),
        "dropped": (BATCH, HEADS, LENGTH),
    }
    return {name: random.normal(size=shape) for name, shape in shapes.items()}


def longhand(query, tokens, key, key_bias, value, value_bias, dropped):
    """By a key and a value for each token; shares that need not sum to 1."""
    keys = (tokens @ key + key_bias).reshape(BATCH, LENGTH, HEADS, SIZE)
    values = (tokens @ value + value_bias).reshape(BATCH, LENGTH, HEADS, SIZE)
    queries = query.reshape(BATCH, HEADS, SIZE)
    scores = np.einsum("bnd,blnd->bnl", queries, keys)
    shares = np.tanh(scores) * dropped
    return np.einsum("bnl,blnd->bnd", shares, values).reshape(BATCH, WIDTH)


def ours(query, tokens, key, key_bias, value, value_bias, dropped):
    return attend_for_one(
        query,
        tokens,
        (key, key_bias),
        (value, value_bias),
        HEADS,
        lambda scores: tf.tanh(scores) * dropped,
    )


def test_it_is_what_keys_and_values_give(given):
    found = ours(**{name: tf.constant(each) for name, each in given.items()})
    np.testing.assert_allclose(found, longhand(**given), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "name", ["query", "tokens", "key", "key_bias", "value", "value_bias"]
)
def test_a_gradient_is_the_slope_of_what_keys_and_values_give(given, name):
    tensors = {key: tf.constant(each) for key, each in given.items()}
    with tf.GradientTape() as tape:
        tape.watch(tensors[name])
        total = tf.reduce_sum(ours(**tensors))
    direction = np.random.default_rng(1).normal(size=given[name].shape)
    step = 1e-6
    ahead, behind = (
        longhand(**given | {name: given[name] + sign * step * direction}).sum()
        for sign in (1, -1)
    )
    slope = (tape.gradient(total, tensors[name]).numpy() * direction).sum()
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-6)


def test_a_block_serves_one_query_where_the_length_is_known_only_later(monkeypatch):
    """As in steps, which are traced for any length."""
    block = EncoderBlock(HEADS, 20, dropout=0.0, attention_dropout=0.0)
    block.build((None, None, 16), (None, None))
    calls = []
    monkeypatch.setattr(
        attention,
        "attend_for_one",
        lambda *given: calls.append(1) or attend_for_one(*given),
    )
    anything = tf.TensorSpec([None, None, 16]), tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=anything)
    def first(x, mask):
        return block(x, mask, first_only=True, training=True)

    random = np.random.default_rng(0)
    x = tf.constant(random.normal(size=(BATCH, LENGTH, 16)), tf.float32)
    mask = tf.ones((BATCH, LENGTH), tf.int32)
    found = first(x, mask)
    assert calls
    whole = block(x, mask, training=True)
    np.testing.assert_allclose(found, whole[:, :1], rtol=0, atol=1e-5)
