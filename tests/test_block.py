"""Feed-forward, block and embeddings compute what a few lines of NumPy compute."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from layer_cases import (
    BATCH,
    HEADS,
    HIDDEN,
    LENGTH,
    TOLERANCE,
    mask_of,
    normal,
    randomized,
    refuse_parent,
)

from bert_cpu.layers.dropout import Dropout
from bert_cpu.layers.embeddings import Embeddings
from bert_cpu.layers.encoder_block import EncoderBlock
from bert_cpu.layers.feed_forward import FeedForward
from bert_cpu.layers.gelu import gelu_tanh
from bert_cpu.layers.word_dropout import WordDropout


def layer_norm(x, gamma, beta, epsilon):
    x = x - x.mean(-1, keepdims=True)
    return gamma * x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) + beta


def feed_forward(x, widen, widen_bias, narrow, narrow_bias):
    wide = x @ widen + widen_bias
    return (wide * scipy.special.ndtr(wide)) @ narrow + narrow_bias


def test_feed_forward_widens_bends_and_narrows():
    layer = randomized(FeedForward(40), (None, None, HIDDEN))
    x = normal(BATCH, LENGTH, HIDDEN)
    expected = feed_forward(x.numpy(), *(w.numpy() for w in layer.trainable_variables))
    np.testing.assert_allclose(layer(x), expected, **TOLERANCE)


def block(dtype="float32", **arguments):
    arguments = {"num_heads": HEADS, "intermediate_size": 40} | arguments
    layer = EncoderBlock(**arguments, dtype=dtype)
    return randomized(layer, (None, None, HIDDEN))


def longhand_block(layer, x, mask, epsilon):
    w = [variable.numpy() for variable in layer.attention.trainable_variables]
    query, key, value = (
        np.einsum("bth,hnd->bntd", x, kernel) + bias[:, None]
        for kernel, bias in (w[0:2], w[2:4], w[4:6])
    )
    scores = np.einsum("bntd,bnsd->bnts", query, key) / np.sqrt(HIDDEN // HEADS)
    scores[~np.broadcast_to(mask[:, None, None] == 1, scores.shape)] = -np.inf
    context = np.einsum("bnts,bnsd->btnd", scipy.special.softmax(scores, -1), value)
    attended = np.einsum("btnd,ndh->bth", context, w[6]) + w[7]
    norm = [variable.numpy() for variable in layer.attention_norm.weights]
    x = layer_norm(x + attended, *norm, epsilon)
    w = [variable.numpy() for variable in layer.feed_forward.trainable_variables]
    norm = [variable.numpy() for variable in layer.output_norm.weights]
    return layer_norm(x + feed_forward(x, *w), *norm, epsilon)


@pytest.mark.parametrize("epsilon", [1e-12, 0.5])
def test_a_block_adds_and_norms_after_each_half(epsilon):
    layer = block(epsilon=epsilon)
    x, mask = normal(BATCH, LENGTH, HIDDEN), mask_of(7, 4, 2)
    expected = longhand_block(layer, x.numpy(), mask, epsilon)
    np.testing.assert_allclose(layer(x, mask), expected, rtol=0, atol=2e-5)


def test_a_block_for_the_first_token_gives_what_the_whole_one_gives_it():
    block = randomized(
        EncoderBlock(HEADS, 2 * HIDDEN), (None, LENGTH, HIDDEN), (None, LENGTH)
    )
    x, mask = tf.Variable(normal(BATCH, LENGTH, HIDDEN)), mask_of(LENGTH, 4, 1)
    watched = [x, *(weight.value for weight in block.trainable_variables)]
    results = []
    for first_only in (False, True):
        with tf.GradientTape() as tape:
            output = block(x, mask, first_only=first_only)
            loss = tf.reduce_sum(tf.square(output[:, 0]))
        results.append([output[:, 0], *tape.gradient(loss, watched)])
    assert output.shape == (BATCH, 1, HIDDEN)
    for whole, first in zip(*results, strict=True):
        np.testing.assert_allclose(first, whole, rtol=1e-5, atol=1e-5)


def test_a_block_in_bfloat16_stays_near_float32_and_keeps_its_weights_whole():
    x, mask = normal(BATCH, LENGTH, HIDDEN), mask_of(7, 4, 2)
    whole, half = block(), block("mixed_bfloat16")
    output = half(x, mask)
    assert output.dtype == "bfloat16"
    assert {weight.dtype for weight in half.trainable_variables} == {"float32"}
    # bfloat16 keeps 8 bits; the norms make outputs of about 1.
    difference = np.abs(tf.cast(output, "float32") - whole(x, mask))
    assert 1e-4 < difference.max() < 0.1


def test_a_block_in_bfloat16_computes_attention_itself(monkeypatch):
    refuse_parent(monkeypatch)
    block("mixed_bfloat16")(normal(BATCH, LENGTH, HIDDEN))


@pytest.mark.parametrize("dropout", ["dropout", "attention_dropout"])
def test_each_dropout_of_a_block_is_on_in_training_alone(dropout):
    x, mask = normal(BATCH, LENGTH, HIDDEN), mask_of(7, 4, 2)
    with_it, without = block(**{dropout: 0.5}), block()
    np.testing.assert_array_equal(with_it(x, mask), without(x, mask))
    trained = with_it(x, mask, training=True)
    assert np.abs(trained - without(x, mask, training=True)).max() > 0.1


def test_heads_that_do_not_divide_the_hidden_size_are_refused():
    with pytest.raises(ValueError, match=r"`num_heads=5` does not divide.*size 24"):
        EncoderBlock(5, 40).build((None, None, HIDDEN))


def embeddings(**arguments):
    arguments = {
        "vocab_size": 11,
        "max_length": LENGTH,
        "hidden_size": HIDDEN,
        "num_segments": 3,
    } | arguments
    return randomized(Embeddings(**arguments), (None, None), (None, None))


@pytest.mark.parametrize("epsilon", [1e-12, 0.5])
def test_embeddings_are_the_normed_sum_of_three_rows(epsilon):
    layer = embeddings(epsilon=epsilon)
    token, position, segment, *norm = (w.numpy() for w in layer.trainable_variables)
    ids = np.int32([[3, 10, 0, 3, 1], [0, 0, 5, 6, 7]])
    segments = np.int32([[0, 0, 1, 1, 2], [2, 1, 0, 0, 0]])
    summed = token[ids] + segment[segments] + position[:5]
    expected = layer_norm(summed, *norm, epsilon)
    np.testing.assert_allclose(layer(ids, segments), expected, **TOLERANCE)


def test_a_position_that_no_sequence_reached_has_no_gradient():
    layer, ids = embeddings(), np.int32([[3, 10, 0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(ids, ids % 3) ** 3)
    gradient = tape.gradient(loss, layer._position.embeddings.value).numpy()
    assert gradient[:3].any(axis=1).all()
    assert not gradient[3:].any()


def test_more_tokens_than_positions_are_refused_with_both_numbers():
    ids = np.zeros((1, LENGTH + 1), "int32")
    with pytest.raises(ValueError, match=r"has 8 tokens .*`max_length=7` positions"):
        embeddings()(ids, ids)


def test_embeddings_drop_in_training_alone():
    ids = np.ones((2, LENGTH), "int32")
    layer = embeddings(dropout=0.5)
    assert np.mean(layer(ids, ids, training=True) == 0) > 0.3
    assert np.all(layer(ids, ids) != 0)


@pytest.mark.parametrize(
    "layer",
    [
        Dropout(0.3, seed=5),
        FeedForward(40, activation=gelu_tanh),
        FeedForward(40, "relu", 0.5),
        WordDropout(0.3, 9, (0, 1), seed=5),
        EncoderBlock(4, 40, gelu_tanh, 0.1, 0.2, 1e-5, 0.5, name="block"),
        Embeddings(11, 7, HIDDEN, 3, 0.1, 1e-5, 0.5),
    ],
    ids=["dropout", "feed_forward", "relu", "word_dropout", "block", "embeddings"],
)
def test_a_layer_is_rebuilt_from_its_config(layer):
    config = layer.get_config()
    arguments = {key: value for key, value in vars(layer).items() if key in config}
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(again) is type(layer)
    assert again.get_config() == config
    for key, value in arguments.items():
        assert getattr(again, key) == value, key
