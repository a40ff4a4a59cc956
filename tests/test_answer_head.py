"""The head that answers questions: logits, losses and learning, beside longhand."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf
import tiny_bundle
from transformers import BertConfig

from bert_cpu.models.encoder import build_encoder
from bert_cpu.tasks.answer import AnswerQuestions

TASK = AnswerQuestions()
LABELS = ("answer",)
FEATURES = {
    "input_ids": np.int32([[2, 6, 3, 7, 8, 3], [2, 9, 3, 5, 3, 0]]),
    "token_type_ids": np.int32([[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0]]),
    "attention_mask": np.int32([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0]]),
}
BATCH = FEATURES | {"start": np.int32([3, 0]), "end": np.int32([4, 0])}


@pytest.fixture(scope="module")
def encoder():
    config = BertConfig(**tiny_bundle.CONFIG, initializer_range=0.2)
    return build_encoder(config, dropout=0.0)


def weights_of(model):
    variables = {variable.path: variable for variable in model.trainable_variables}
    return [variables[path].numpy() for path in TASK.head_names]


def test_logits_are_a_product_of_every_token(encoder):
    model = TASK.build(encoder, LABELS, 0.1)
    logits = model(FEATURES)["logits"]
    kernel, bias = weights_of(model)
    expected = encoder(FEATURES)["sequence"].numpy() @ kernel + bias
    assert (logits.shape, logits.dtype) == ((2, 6, 2), "float32")
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)


def test_logits_are_float32_above_a_bfloat16_encoder():
    encoder = build_encoder(BertConfig(**tiny_bundle.CONFIG), dtype="bfloat16")
    assert TASK.build(encoder, LABELS, 0.1)(FEATURES)["logits"].dtype == "float32"


def test_the_lean_head_gives_what_the_keras_head_does(encoder):
    class Graph:
        def product(self, name, x):
            assert TASK.lean_products[name] == "qa_outputs"
            return x @ kernel + bias

    model = TASK.build(encoder, LABELS, 0.0)
    one = {name: value[:1] for name, value in FEATURES.items()}
    kernel, bias = weights_of(model)
    hidden = encoder(one)["sequence"].numpy()[0]
    lean = TASK.lean_outputs(Graph(), hidden, {})
    assert lean.keys() == {"logits"}
    np.testing.assert_allclose(lean["logits"], model(one)["logits"], atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_losses_are_the_mean_of_two_cross_entropies_over_real_tokens(smoothing):
    random = np.random.default_rng(0)
    lengths = [7, 4, 1]
    # Where softmax and then log would give infinity, too.
    scales = np.array([1, 90, 200])[:, None, None]
    logits = np.float32(random.normal(size=(3, 7, 2)) * scales)
    batch = {
        "attention_mask": np.int32(np.arange(7) < np.array(lengths)[:, None]),
        "start": np.int32([2, 1, 0]),
        "end": np.int32([6, 1, 0]),
    }
    expected = []
    for row, length in enumerate(lengths):
        losses = []
        for side, name in enumerate(("start", "end")):
            wanted = np.full(length, smoothing / length)
            wanted[batch[name][row]] += 1 - smoothing
            real = np.float64(logits[row, :length, side])
            losses.append(-wanted @ scipy.special.log_softmax(real))
        expected.append(np.mean(losses))
    losses, counts = TASK.losses(batch, {"logits": tf.constant(logits)}, smoothing)
    assert (losses.shape, losses.dtype) == ((3,), "float32")
    np.testing.assert_allclose(losses, expected, rtol=2e-6, atol=1e-6)
    np.testing.assert_array_equal(counts, [1, 1, 1])


def test_padding_learns_nothing_and_a_row_of_it_has_no_nan():
    logits = tf.constant(np.random.default_rng(0).normal(size=(2, 5, 2)), tf.float32)
    batch = {
        "attention_mask": np.int32([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0]]),
        "start": np.int32([1, 0]),
        "end": np.int32([2, 0]),
    }
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses, _ = TASK.losses(batch, {"logits": logits}, 0.1)
    gradient = tape.gradient(losses, logits).numpy()
    assert np.isfinite(losses).all()
    assert np.isfinite(gradient).all()
    assert (gradient[0, 3:] == 0).all()
    assert (gradient[0, :3] != 0).all()


def test_the_head_learns_where_the_answer_is(encoder):
    model = TASK.build(encoder, LABELS, 0.1)
    # The pooler has no part in it.
    variables = [v for v in model.trainable_variables if "pooler" not in v.path]
    optimizer = keras.optimizers.Adam(3e-3)
    optimizer.build(variables)

    @tf.function
    def step(batch):
        with tf.GradientTape() as tape:
            features = {name: batch[name] for name in FEATURES}
            outputs = model(features, training=True)
            losses, counts = TASK.losses(batch, outputs, 0.0)
            loss = tf.reduce_sum(losses) / tf.reduce_sum(counts)
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    batch = {name: tf.constant(value) for name, value in BATCH.items()}
    losses = [float(step(batch)) for _ in range(40)]
    assert losses[-1] < 0.1 < losses[0]
    logits = model(FEATURES)["logits"].numpy()
    np.testing.assert_array_equal(logits[0].argmax(0), [3, 4])
    # What padding gets means nothing.
    np.testing.assert_array_equal(logits[1, :5].argmax(0), [0, 0])
