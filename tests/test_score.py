"""The score's head, loss and correlations, next to longhand."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tiny_head
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.score import Answer, Score

TASK = Score()


@pytest.fixture(scope="module")
def encoder():
    return tiny_head.tiny_encoder()


def read(**values):
    return TASK.read(("a.csv line 3", {"text": "x", **values}), PrepareSettings())


@pytest.mark.parametrize(
    ("given", "expected"),
    [("3.75", 3.75), (" -2e-1 ", -0.2), (0, 0.0), (5, 5.0), (4.5, 4.5), ("1e6", 1e6)],
)
def test_a_label_is_a_number_or_one_that_is_written_out(given, expected):
    label = read(label=given).label
    assert (label, type(label)) == (expected, float)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("good", '"good"'),
        ("好", '"好"'),
        ("", '""'),
        ("3,5", '"3,5"'),
        ("nan", '"nan"'),
        ("-inf", '"-inf"'),
        ("1000001", '"1000001"'),
        (10**400, "1000000000000000000000000000000000000000"),
        (True, "true"),
        (None, "null"),
        ([1], r"\[1\]"),
    ],
)
def test_what_is_no_number_is_refused(given, shown):
    message = (
        rf"^a\.csv line 3 has {shown} in column 'label', but a number between "
        r"-1,000,000 and 1,000,000 was expected, such as 3\.5\. Mend the row, or name "
        r"another column with --label\.$"
    )
    with pytest.raises(UserError, match=message):
        read(label=given)


def test_a_missing_column_is_refused():
    with pytest.raises(UserError, match=r"no column 'label' \(it has: text, stars\)"):
        read(stars="3")


def test_a_pair_has_one_score():
    row = ("b.jsonl line 1", {"a": "猫在睡觉", "b": "The cat sleeps", "label": 4.8})
    example = TASK.read(row, PrepareSettings(text="a", text_pair="b"))
    assert example == Example("猫在睡觉", "The cat sleeps", 4.8, "b.jsonl line 1")
    assert TASK.encode(example, [], None, {}) == [{"score": 4.8}]


def test_the_score_is_a_product_of_the_pooled_first_token(encoder):
    model = TASK.build(encoder, (), dropout=0.5)
    variables = {variable.path: variable.numpy() for variable in model.variables}
    kernel, bias = (variables[path] for path in TASK.head_names)
    score = model(tiny_head.INPUTS)["score"]
    expected = encoder(tiny_head.INPUTS)["pooled"].numpy() @ kernel[:, 0] + bias
    assert (kernel.shape, score.shape, score.dtype) == ((64, 1), (3,), "float32")
    np.testing.assert_allclose(score, expected, atol=1e-5)


def test_the_lean_score_is_the_models(encoder):
    model = TASK.build(encoder, (), dropout=0.5)
    model.get_layer("logits").bias.assign([0.7])
    lean = tiny_head.lean_outputs(TASK, encoder, model)
    assert lean["score"].shape == (3,)
    np.testing.assert_allclose(
        lean["score"], model(tiny_head.INPUTS)["score"], atol=1e-5
    )


def test_a_loss_is_the_squared_error_of_its_example():
    scores, labels = np.float32([0.5, -1.0, 3.0]), np.float32([0.0, 2.0, 3.0])
    losses, counts = TASK.losses(
        {"score": tf.constant(labels)}, {"score": tf.constant(scores)}, 0.0
    )
    np.testing.assert_allclose(losses, [0.25, 9.0, 0.0])
    np.testing.assert_array_equal(counts, [1, 1, 1])


def test_a_model_learns_scores():
    model = TASK.build(tiny_head.tiny_encoder(), (), dropout=0.0)
    losses = tiny_head.train(TASK, model, {"score": np.float32([3.0, -1.0, 1.0])})
    assert losses[-1] < losses[0] / 2


def answers(scores):
    return [Answer("x", score) for score in scores]


def examples(labels):
    return [Example("x", None, label, "") for label in labels]


def ranks(values):
    """From 1; what is equal shares the mean of its places."""
    places = sorted(values)
    return [
        np.mean([i + 1 for i, each in enumerate(places) if each == value])
        for value in values
    ]


def pearson(x, y):
    x, y = np.float64(x) - np.mean(x), np.float64(y) - np.mean(y)
    return (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())


def test_measures_are_longhand_ones():
    labels, scores = [0.0, 1.0, 2.0, 2.0, 5.0], [0.5, 0.4, 2.0, 3.0, 9.0]
    measured = TASK.measure(examples(labels), answers(scores), ())
    assert measured == {
        "spearman": pytest.approx(pearson(ranks(labels), ranks(scores))),
        "pearson": pytest.approx(pearson(labels, scores)),
        "mean_absolute_error": pytest.approx((0.5 + 0.6 + 0 + 1 + 4) / 5),
        "examples": 5,
    }
    assert measured["spearman"] != pytest.approx(measured["pearson"])
    json.dumps(measured)


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([1, 2, 3], [0.5, 0.5, 0.5]),
        ([4, 4], [1.0, 2.0]),
        ([4], [1.0]),
        # So near to equal that SciPy warns of what the digits can't tell.
        ([1, 2, 3], [1.0, 1.0 + 2e-16, 1.0 + 4e-16]),
    ],
)
def test_what_does_not_vary_correlates_with_nothing_and_warns_of_nothing(
    labels, scores
):
    measured = TASK.measure(examples(labels), answers(scores), ())
    assert all(-1 <= measured[name] <= 1 for name in TASK.metrics)
    if len(set(scores)) == 1 or len(set(labels)) == 1:
        assert [measured[name] for name in TASK.metrics] == [0.0, 0.0]


@given(
    st.lists(st.integers(-9, 9), min_size=2, unique=True),
    st.floats(0.1, 10),
    st.floats(-5, 5),
)
def test_a_straight_line_correlates_wholly(labels, slope, start):
    scores = [slope * label + start for label in labels]
    measured = TASK.measure(examples(labels), answers(scores), ())
    assert measured["spearman"] == pytest.approx(1)
    assert measured["pearson"] == pytest.approx(1)


def test_an_answer_is_a_score_in_the_labels_unit():
    asked = Example("猫在睡觉", "The cat sleeps", None, "text 1")
    answer = TASK.answer(asked, [object()], [{"score": np.float32(2.5)}], ())
    assert dataclasses.asdict(answer) == {"text": "猫在睡觉", "score": 2.5}
    assert json.dumps(dataclasses.asdict(answer)).endswith("2.5}")
    assert answer.columns() == ["2.5000"]


def test_an_empty_text_has_no_score():
    answer = TASK.answer(Example("", None, None, ""), [], [], ())
    assert (answer.score, answer.columns()) == (None, ["-"])
