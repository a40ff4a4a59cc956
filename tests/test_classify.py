"""The classifier's head, loss, answers and metrics, next to longhand and SciPy."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf
import tiny_bundle
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.models.encoder import build_encoder
from bert_cpu.settings import PrepareSettings
from bert_cpu.task_catalog import make_task, restore_task, task_class
from bert_cpu.tasks.classify import Answer, Classify

INPUTS = {
    "input_ids": np.int32([[2, 6, 8, 3], [2, 9, 3, 0]]),
    "token_type_ids": np.int32([[0, 0, 1, 1], [0, 0, 0, 0]]),
    "attention_mask": np.int32([[1, 1, 1, 1], [1, 1, 1, 0]]),
}


@pytest.fixture(scope="module")
def encoder():
    config = BertConfig(**tiny_bundle.CONFIG, initializer_range=0.2)
    return build_encoder(config, dropout=0.0)


def build(encoder, num_labels, dropout=0.0):
    return Classify().build(encoder, list(range(num_labels)), dropout)


def losses_of(labels, logits, smoothing=0.0):
    """Those of the task, each of which is of one label."""
    losses, counts = Classify().losses({"label": labels}, {"logits": logits}, smoothing)
    np.testing.assert_array_equal(counts, np.ones(len(labels)))
    return losses


def test_the_catalog_has_what_the_trainer_needs_of_a_task():
    assert task_class("classify") is Classify
    assert isinstance(make_task(PrepareSettings(task="classify")), Classify)
    assert isinstance(restore_task("classify", {}), Classify)
    assert restore_task("translate", {}) is None


@pytest.mark.parametrize("num_labels", [2, 5])
def test_logits_are_a_product_of_the_pooled_first_token(encoder, num_labels):
    model = build(encoder, num_labels)
    logits = model(INPUTS)["logits"]
    variables = {variable.path: variable for variable in model.trainable_variables}
    kernel, bias = (variables[path].numpy() for path in Classify.head_names)
    expected = encoder(INPUTS)["pooled"].numpy() @ kernel + bias
    assert (logits.shape, logits.dtype) == ((2, num_labels), "float32")
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-5)


def test_a_model_has_the_encoders_weights_and_the_heads(encoder):
    model = build(encoder, 3)
    own = {variable.path for variable in model.trainable_variables}
    encoders = {variable.path for variable in encoder.trainable_variables}
    assert own == encoders | set(Classify.head_names)


def test_pooled_features_are_dropped_in_training_alone(encoder):
    with_it = build(encoder, 3, dropout=0.5)
    without = build(encoder, 3, dropout=0.0)
    without.set_weights([weight.numpy() for weight in with_it.trainable_variables])
    logits = with_it(INPUTS)["logits"]
    for training in (False, True):
        whole = without(INPUTS, training=training)["logits"]
        np.testing.assert_array_equal(logits, whole)
    assert np.abs(with_it(INPUTS, training=True)["logits"] - logits).max() > 1e-4


def test_logits_are_float32_above_a_bfloat16_encoder():
    config = BertConfig(**tiny_bundle.CONFIG)
    whole = build(build_encoder(config), 3)
    half = build(build_encoder(config, dtype="bfloat16"), 3)
    random = np.random.default_rng(0)
    for ours, theirs in zip(
        whole.trainable_variables, half.trainable_variables, strict=True
    ):
        assert ours.dtype == theirs.dtype == "float32"
        value = random.normal(0, 0.2, ours.shape)
        ours.assign(value)
        theirs.assign(value)
    logits = half(INPUTS)["logits"]
    assert logits.dtype == "float32"
    # bfloat16 keeps 8 bits of features of about 1, and 64 of them are summed.
    difference = np.abs(logits - whole(INPUTS)["logits"]).max()
    assert 1e-5 < difference < 0.2


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_losses_are_the_cross_entropy_of_smoothed_labels(smoothing):
    random = np.random.default_rng(0)
    labels = np.int32([0, 3, 1, 3, 2])
    # Where softmax and then log would give infinity, too.
    logits = np.float32(random.normal(size=(5, 4)) * [[1], [1], [10], [90], [200]])
    share = np.full((5, 4), smoothing / 4)
    share[np.arange(5), labels] += 1 - smoothing
    expected = -(share * scipy.special.log_softmax(np.float64(logits), axis=1)).sum(1)
    actual = losses_of(tf.constant(labels), tf.constant(logits), smoothing)
    assert (actual.shape, actual.dtype) == ((5,), "float32")
    np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=1e-6)


def test_the_losses_gradient_is_the_difference_of_probabilities():
    logits = tf.constant([[0.3, -1.0, 2.0], [0.0, 0.5, -0.5]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = losses_of(tf.constant([2, 0]), logits, 0.3)
    share = np.array([[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])
    expected = scipy.special.softmax(logits.numpy(), axis=1) - share
    np.testing.assert_allclose(tape.gradient(losses, logits), expected, atol=1e-6)


def test_losses_without_smoothing_are_kerass_sparse_ones():
    random = np.random.default_rng(1)
    labels = tf.constant(random.integers(0, 7, 100))
    logits = tf.constant(random.normal(size=(100, 7)), tf.float32)
    expected = keras.losses.sparse_categorical_crossentropy(
        labels, logits, from_logits=True
    )
    np.testing.assert_allclose(losses_of(labels, logits), expected, atol=1e-6)


# One row an example: the true label and what is predicted.
ANSWERS = ["aa", "aa", "ab", "ba", "bb", "bb", "bc", "cb"]


def measure(truths, predicted, labels="abcd"):
    """The task's measures of examples that had these labels and got these."""
    return Classify().measure(
        [Example("", None, label, "") for label in truths],
        [Answer("", label, {}) for label in predicted],
        tuple(labels),
    )


def test_metrics_of_eight_answers_counted_by_hand():
    measured = measure(*zip(*ANSWERS, strict=True))
    assert measured["accuracy"] == 4 / 8
    assert measured["examples"] == 8
    assert measured["confusion_matrix"] == [
        [2, 1, 0, 0],
        [1, 2, 1, 0],
        [0, 1, 0, 0],
        [0, 0, 0, 0],
    ]
    a, b = {"precision": 2 / 3, "recall": 2 / 3}, {"precision": 2 / 4, "recall": 2 / 4}
    none = {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    expected = {
        "a": a | {"f1": 2 / 3, "examples": 3},
        "b": b | {"f1": 2 / 4, "examples": 4},
        "c": none | {"examples": 1},
        "d": none | {"examples": 0},
    }
    assert measured["per_label"].keys() == expected.keys()
    for label, values in expected.items():
        assert measured["per_label"][label] == pytest.approx(values)
    # The label that nobody has and nobody guessed does not pull the mean down.
    assert measured["macro_f1"] == pytest.approx((2 / 3 + 2 / 4 + 0) / 3)


def test_a_label_that_was_only_guessed_counts_in_the_mean():
    measured = measure("aa", "ab")
    assert measured["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1)
)
def test_metrics_agree_with_their_own_confusion_matrix(pairs):
    measured = measure(*zip(*pairs, strict=True))
    matrix = np.zeros((4, 4), int)
    for true, guessed in pairs:
        matrix["abcd".index(true), "abcd".index(guessed)] += 1
    assert measured["confusion_matrix"] == matrix.tolist()
    hits, true, guessed = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    assert measured["accuracy"] == pytest.approx(hits.sum() / len(pairs))
    # F1 without precision and recall: twice the hits, by all that was said or so.
    f1 = [2 * h / (t + g) for h, t, g in zip(hits, true, guessed, strict=True) if t + g]
    assert measured["macro_f1"] == pytest.approx(np.mean(f1))
    for name, values in measured["per_label"].items():
        assert values["examples"] == true["abcd".index(name)]


def test_metrics_are_plain_numbers_that_json_writes():
    measured = measure("ab", "ab", "ab")
    assert {type(measured[key]) for key in ("accuracy", "macro_f1")} == {float}
    assert type(measured["examples"]) is int
    assert type(measured["confusion_matrix"][0][0]) is int
    assert type(measured["per_label"]["a"]["examples"]) is int
    assert type(measured["per_label"]["a"]["f1"]) is float


# Windows of an answer: what is in them is not looked at.
WINDOWS = [object()]


def test_the_likeliest_label_is_answered_with_the_shares_of_all():
    example = Example("a film", "long", None, "")
    logits = np.float32([0.5, 2.0, -1.0])
    answer = Classify().answer(example, WINDOWS, [{"logits": logits}], ["x", "好", "z"])
    assert (answer.text, answer.label) == ("a film", "好")
    assert list(answer.probabilities) == ["x", "好", "z"]
    np.testing.assert_allclose(
        list(answer.probabilities.values()), scipy.special.softmax(np.float64(logits))
    )
    assert answer.columns() == ["好", f"{answer.probabilities['好']:.4f}"]


def test_a_text_with_nothing_to_read_in_it_has_no_label():
    answer = Classify().answer(Example(" ", None, None, ""), [], [], ["x", "y"])
    assert answer == Answer(" ", None, {})
    assert answer.columns() == ["-", "-"]


def test_a_model_with_more_outputs_than_labels_is_refused():
    outputs = [{"logits": np.zeros(3, np.float32)}]
    with pytest.raises(UserError, match=r"tells 3 labels apart, but .* names 2"):
        Classify().answer(Example("a", None, None, ""), WINDOWS, outputs, ["x", "y"])


def test_a_mistake_is_an_answer_that_is_not_the_truth():
    example = Example("a", None, "x", "")
    right, wrong = (Answer("a", label, {"x": 0.25, "y": 0.75}) for label in "xy")
    assert Classify().mistake(example, right) is None
    assert Classify().mistake(example, wrong) == {
        "label": "x",
        "predicted": "y",
        "probability": 0.75,
    }
