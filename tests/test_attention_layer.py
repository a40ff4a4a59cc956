"""Attention is Keras's own in value and gradient, whichever path computes it."""

import keras
import numpy as np
import pytest
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

from bert_cpu.layers.attention import SelfAttention


def twins(**arguments):
    """The layer and its parent, with the same weights."""
    shape = (None, LENGTH, HIDDEN)
    arguments = {"num_heads": HEADS, "key_dim": HIDDEN // HEADS} | arguments
    ours = randomized(SelfAttention(**arguments), shape, shape)
    theirs = keras.layers.MultiHeadAttention(**arguments)
    theirs.build(shape, shape)
    theirs.set_weights([weight.numpy() for weight in ours.trainable_variables])
    return ours, theirs


MASKS = {
    "no mask": None,
    "padding": mask_of(7, 4, 1)[:, None, :],
    "padding as bool": mask_of(7, 4, 1)[:, None, :] == 1,
    "a mask for each query": np.tri(LENGTH, dtype="int32")[None].repeat(BATCH, 0),
}


@pytest.mark.parametrize("mask", MASKS)
def test_attention_and_its_gradients_are_the_parents(mask, monkeypatch):
    ours, theirs = twins()
    x, upstream = normal(BATCH, LENGTH, HIDDEN), normal(BATCH, LENGTH, HIDDEN, seed=2)
    results = []
    for layer in (theirs, ours):
        if layer is ours:
            monkeypatch.setattr(SelfAttention, "_compute_attention", None)
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = layer(x, x, attention_mask=MASKS[mask])
        sources = [x, *(weight.value for weight in layer.trainable_variables)]
        results.append([output, *tape.gradient(output, sources, upstream)])
    names = ["output", "x", *(weight.path for weight in ours.trainable_variables)]
    for name, expected, actual in zip(names, *results, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=5e-5, err_msg=name)


def test_a_masked_token_has_no_influence(monkeypatch):
    refuse_parent(monkeypatch)
    ours, _ = twins()
    x, mask = normal(BATCH, LENGTH, HIDDEN), mask_of(7, 4, 1)
    changed = tf.where(mask[:, :, None] == 1, x, 100.0)
    before, after = (
        ours(each, each, attention_mask=mask[:, None, :]).numpy()[mask == 1]
        for each in (x, changed)
    )
    np.testing.assert_allclose(after, before, **TOLERANCE)


def test_a_sequence_that_is_all_masked_is_even_and_finite(monkeypatch):
    refuse_parent(monkeypatch)
    ours, _ = twins()
    x = normal(BATCH, LENGTH, HIDDEN)
    masked = ours(x, x, attention_mask=np.zeros((BATCH, 1, LENGTH)))
    value = np.einsum("bth,hnd->btnd", x, ours.value_dense.kernel.numpy())
    mean = (value + ours.value_dense.bias.numpy()).mean(axis=1)
    kernel, bias = (weight.numpy() for weight in ours.output_dense.weights)
    expected = np.einsum("bnd,ndh->bh", mean, kernel) + bias
    np.testing.assert_allclose(
        masked, np.repeat(expected[:, None], LENGTH, 1), **TOLERANCE
    )


def test_attention_sees_any_length_in_a_graph(monkeypatch):
    refuse_parent(monkeypatch)
    ours, theirs = twins()
    spec = tf.TensorSpec((None, None, HIDDEN))
    in_graph = tf.function(lambda x: ours(x, x), input_signature=[spec])
    for batch, length in ((1, 1), (2, 5), (5, 2)):
        x = normal(batch, length, HIDDEN)
        np.testing.assert_allclose(in_graph(x), theirs(x, x), **TOLERANCE)


X, Y = normal(BATCH, LENGTH, HIDDEN), normal(BATCH, LENGTH, HIDDEN, seed=5)


FALLBACKS = {
    "cross attention": ({}, lambda layer: layer(X, Y)),
    "a key of its own": ({}, lambda layer: layer(X, X, key=Y)),
    "causal": ({}, lambda layer: layer(X, X, use_causal_mask=True)),
    "causal and masked": (
        {},
        lambda layer: layer(
            X,
            X,
            attention_mask=mask_of(7, 4, 1)[:, None, :],
            use_causal_mask=True,
        ),
    ),
    "scores": ({}, lambda layer: layer(X, X, return_attention_scores=True)[1]),
    "the value's mask": ({}, lambda layer: layer(X, X, value_mask=mask_of(7, 4, 1))),
    # As many queries as heads, so that a wrong axis would fit too.
    "a mask for the whole batch": (
        {"num_heads": LENGTH, "key_dim": 2},
        lambda layer: layer(X, X, attention_mask=np.tri(LENGTH)),
    ),
    "a mask for each head": (
        {},
        lambda layer: layer(
            X, X, attention_mask=np.tri(LENGTH)[None, None].repeat(HEADS, 1)
        ),
    ),
    "no bias": ({"use_bias": False}, lambda layer: layer(X, X)),
    "values of another size": ({"value_dim": 5}, lambda layer: layer(X, X)),
    "another output size": ({"output_shape": 9}, lambda layer: layer(X, X)),
    "two output sizes": ({"output_shape": (3, 2)}, lambda layer: layer(X, X)),
    "a window": ({"sliding_window": 2}, lambda layer: layer(X, X)),
    "a gate": ({"use_gate": True}, lambda layer: layer(X, X)),
}


@pytest.mark.parametrize("case", FALLBACKS)
def test_every_other_call_is_the_parents(case):
    arguments, call = FALLBACKS[case]
    ours, theirs = twins(**arguments)
    np.testing.assert_allclose(call(ours), call(theirs), **TOLERANCE)


def test_attention_over_pictures_is_the_parents():
    x = normal(2, 3, 5, HIDDEN)
    theirs = keras.layers.MultiHeadAttention(HEADS, 6)
    ours = randomized(SelfAttention(HEADS, 6), x.shape, x.shape)
    theirs.build(x.shape, x.shape)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x, x), theirs(x, x), **TOLERANCE)


def test_the_mask_that_an_embedding_gives_is_heeded():
    table = keras.layers.Embedding(10, HIDDEN, mask_zero=True)
    ours, theirs = twins()
    ids = np.int32([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]])
    outputs = []
    for layer in (ours, theirs):
        x = table(ids)  # Its mask is gone after one use.
        outputs.append(layer(x, x).numpy())
    np.testing.assert_allclose(*outputs, **TOLERANCE)
    short = table(ids[1:, :2])
    np.testing.assert_allclose(outputs[0][1, :2], theirs(short, short)[0], **TOLERANCE)


def test_attention_drops_only_in_training_and_by_its_seed():
    x = normal(BATCH, LENGTH, HIDDEN)
    (ours, theirs), (again, _) = (twins(dropout=0.5, seed=3) for _ in range(2))
    trained = ours(x, x, training=True)
    np.testing.assert_array_equal(again(x, x, training=True), trained)
    assert np.abs(ours(x, x, training=True) - trained).max() > 0.01
    np.testing.assert_allclose(ours(x, x), theirs(x, x), **TOLERANCE)


def test_attention_in_training_is_right_on_the_mean():
    ours, theirs = twins(dropout=0.25, seed=1)
    x = normal(1, LENGTH, HIDDEN)
    many = tf.repeat(x, 4000, axis=0)
    mean = tf.reduce_mean(ours(many, many, training=True), 0)
    spread = tf.math.reduce_std(ours(many, many, training=True), 0)
    # The standard error of 4,000 draws, five times.
    assert np.all(np.abs(mean - theirs(x, x)[0]) < 5 * spread / np.sqrt(4000))


def test_attention_is_rebuilt_from_its_config():
    ours, _ = twins(dropout=0.1, seed=4)
    again = SelfAttention.from_config(ours.get_config())
    assert again.get_config() == ours.get_config()
    assert (again.num_heads, again.key_dim, again.dropout) == (HEADS, 6, 0.1)
