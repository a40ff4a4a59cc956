"""The tagger's head: logits, loss, a step of training, and the lean graph's form."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf
import tiny_bundle
from transformers import BertConfig

from bert_cpu.models.encoder import build_encoder
from bert_cpu.tasks.tag import Tag

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
INPUTS = {
    "input_ids": np.int32([[2, 6, 8, 9, 3], [2, 9, 3, 0, 0]]),
    "token_type_ids": np.zeros((2, 5), np.int32),
    "attention_mask": np.int32([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
}
TAGS = np.int32([[-100, 3, 4, -100, -100], [-100, 1, -100, -100, -100]])
TAG = Tag()


@pytest.fixture(scope="module")
def encoder():
    config = BertConfig(**tiny_bundle.CONFIG, initializer_range=0.2)
    return build_encoder(config, dropout=0.0)


def head_of(model):
    """Kernel and bias by the names that bundles have for them."""
    variables = {variable.path: variable for variable in model.trainable_variables}
    return {name: variables[path].numpy() for path, name in TAG.head_names.items()}


def test_logits_are_a_product_of_each_token(encoder):
    model = TAG.build(encoder, LABELS, 0.1)
    outputs = model(INPUTS)
    head = head_of(model)
    expected = encoder(INPUTS)["sequence"] @ head["classifier.weight"]
    expected += head["classifier.bias"]
    assert outputs.keys() == TAG.per_token == {"logits"}
    assert (outputs["logits"].shape, outputs["logits"].dtype) == ((2, 5, 5), "float32")
    np.testing.assert_allclose(outputs["logits"], expected, rtol=0, atol=1e-5)


def test_features_are_dropped_in_training_alone(encoder):
    keras.utils.set_random_seed(0)
    model = TAG.build(encoder, LABELS, 0.5)
    np.testing.assert_array_equal(model(INPUTS)["logits"], model(INPUTS)["logits"])
    difference = model(INPUTS, training=True)["logits"] - model(INPUTS)["logits"]
    assert np.abs(difference).max() > 1e-3


def test_logits_are_float32_above_a_bfloat16_encoder():
    half = build_encoder(BertConfig(**tiny_bundle.CONFIG), dtype="bfloat16")
    model = TAG.build(half, LABELS, 0.1)
    assert model(INPUTS)["logits"].dtype == "float32"
    assert model(INPUTS, training=True)["logits"].dtype == "float32"


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_losses_are_summed_over_the_tagged_tokens(smoothing):
    logits = np.random.default_rng(0).normal(0, 3, (2, 5, 5)).astype(np.float32)
    log_shares = scipy.special.log_softmax(np.float64(logits), axis=-1)
    expected = np.zeros(2)
    for row, token in np.argwhere(TAGS >= 0):
        share = np.full(5, smoothing / 5)
        share[TAGS[row, token]] += 1 - smoothing
        expected[row] -= share @ log_shares[row, token]
    losses, counts = TAG.losses(
        {"tags": tf.constant(TAGS)}, {"logits": tf.constant(logits)}, smoothing
    )
    assert losses.dtype == counts.dtype == "float32"
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    np.testing.assert_array_equal(counts, [2, 1])


def test_a_window_without_tags_costs_nothing():
    tags = tf.fill((1, 3), -100)
    losses, counts = TAG.losses({"tags": tags}, {"logits": tf.ones((1, 3, 5))}, 0.1)
    assert (losses.numpy(), counts.numpy()) == ([0], [0])


def test_tokens_without_a_tag_teach_nothing():
    logits = tf.random.stateless_normal((2, 5, 5), [0, 0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses, _ = TAG.losses({"tags": tf.constant(TAGS)}, {"logits": logits}, 0.1)
    gradients = np.abs(tape.gradient(losses, logits)).sum(-1)
    np.testing.assert_array_equal(gradients > 0, TAGS >= 0)


def test_training_on_a_batch_makes_its_tags_likelier():
    keras.utils.set_random_seed(0)
    model = TAG.build(
        build_encoder(BertConfig(**tiny_bundle.CONFIG), dropout=0.0), LABELS, 0.0
    )
    batch = {name: tf.constant(value) for name, value in INPUTS.items()}
    batch["tags"] = tf.constant(TAGS)
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            losses, counts = TAG.losses(batch, model(INPUTS, training=True), 0.0)
            loss = tf.reduce_sum(losses) / tf.reduce_sum(counts)
        gradients = tape.gradient(loss, model.trainable_variables)
        pairs = zip(gradients, model.trainable_variables, strict=True)
        # The pooler has no part in it.
        optimizer.apply_gradients([pair for pair in pairs if pair[0] is not None])
        return loss

    losses = [float(step()) for _ in range(5)]
    assert losses[0] == pytest.approx(np.log(len(LABELS)), abs=0.3)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] - 0.1


class FakeGraph:
    """The part of the lean graph that the head uses, from a bundle's names."""

    def __init__(self, weights):
        self._weights = weights

    def product(self, name, x):
        name = TAG.lean_products[name]
        kernel, bias = (self._weights[f"{name}.{each}"] for each in ("weight", "bias"))
        return tf.matmul(x, kernel) + bias


def test_the_lean_head_gives_what_the_keras_head_does(encoder):
    model = TAG.build(encoder, LABELS, 0.1)
    row = {name: value[:1] for name, value in INPUTS.items()}
    graph = FakeGraph(head_of(model))
    lean = TAG.lean_outputs(graph, encoder(row)["sequence"][0], {})
    expected = model(row)
    assert lean.keys() == expected.keys()
    np.testing.assert_allclose(lean["logits"], expected["logits"], rtol=0, atol=1e-5)
