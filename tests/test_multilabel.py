"""Several labels a text: head, loss and measures, next to longhand."""

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
from bert_cpu.tasks.multilabel import Answer, Multilabel

TASK = Multilabel()
LABELS = ("体育", "money", "sport")
IDS = {label: index for index, label in enumerate(LABELS)}


@pytest.fixture(scope="module")
def encoder():
    return tiny_head.tiny_encoder()


def read(**values):
    return TASK.read(("a.csv line 3", {"text": "x", **values}), PrepareSettings())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("sport", ["sport"]),
        ("sport|money", ["sport", "money"]),
        (" 体育 | money, stocks ", ["体育", "money, stocks"]),
        ("", []),
        (" ", []),
        ([], []),
        (["sport", "a|b"], ["sport", "a|b"]),
    ],
)
def test_labels_are_a_list_or_names_with_bars_between(given, expected):
    example = read(label=given)
    assert example.label == expected
    assert list(TASK.label_names(example)) == expected


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("sport||money", r'"sport\|\|money"'),
        ("sport|", r'"sport\|"'),
        (["体育", 3], r'\["体育", 3\]'),
        (["sport", " "], r'\["sport", " "\]'),
        ({"sport": 1}, r'{"sport": 1}'),
        (None, "null"),
        (3, "3"),
    ],
)
def test_what_is_no_list_of_names_is_refused(given, shown):
    message = (
        rf"^a\.csv line 3 has {shown} in column 'label', but a list of names was "
        r'expected, as in \["sport", "money"\] or, in a csv file, sport\|money\. Mend '
        r"the row, or name another column with --label\.$"
    )
    with pytest.raises(UserError, match=message):
        read(label=given)


@pytest.mark.parametrize("names", ["b|a|b", ["b", "a", "b"]])
def test_a_label_that_is_there_twice_is_refused(names):
    message = "^a.csv line 3 has the label 'b' twice in column 'label'. Write each "
    with pytest.raises(UserError, match=message):
        read(label=names)


def test_a_missing_column_is_refused():
    with pytest.raises(UserError, match=r"no column 'label' \(it has: text, topics\)"):
        read(topics="sport")


def test_a_target_has_a_one_for_each_label():
    for names, expected in [([], [0, 0, 0]), (["sport", "体育"], [1, 0, 1])]:
        example = Example("x", None, names, "")
        assert TASK.encode(example, [], None, IDS) == [{"labels": expected}]


def test_logits_are_a_product_of_the_pooled_first_token(encoder):
    model = TASK.build(encoder, LABELS, dropout=0.5)
    variables = {variable.path: variable.numpy() for variable in model.variables}
    kernel, bias = (variables[path] for path in TASK.head_names)
    logits = model(tiny_head.INPUTS)["logits"]
    expected = encoder(tiny_head.INPUTS)["pooled"].numpy() @ kernel + bias
    assert (logits.shape, logits.dtype) == ((3, 3), "float32")
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_the_lean_logits_are_the_models(encoder):
    model = TASK.build(encoder, LABELS, dropout=0.5)
    model.get_layer("logits").bias.assign([0.7, -1.0, 0.2])
    lean = tiny_head.lean_outputs(TASK, encoder, model)
    assert lean["logits"].shape == (3, 3)
    np.testing.assert_allclose(
        lean["logits"], model(tiny_head.INPUTS)["logits"], atol=1e-5
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_loss_is_the_mean_of_each_labels_entropy(smoothing):
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, (4, 3))
    logits = random.normal(0, 2, (4, 3))
    share = 1 / (1 + np.exp(-logits))
    yes = truth * (1 - smoothing) + smoothing / 2
    expected = -(yes * np.log(share) + (1 - yes) * np.log(1 - share)).mean(axis=1)
    losses, counts = TASK.losses(
        {"labels": tf.constant(truth, tf.float32)},
        {"logits": tf.constant(logits, tf.float32)},
        smoothing,
    )
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_array_equal(counts, [1, 1, 1, 1])


def test_a_loss_is_finite_however_large_a_logit():
    losses, _ = TASK.losses(
        {"labels": tf.constant([[1.0, 0.0]])},
        {"logits": tf.constant([[-1000.0, 1000.0]])},
        0.0,
    )
    np.testing.assert_allclose(losses, [1000])


def test_a_model_learns_none_one_and_two_labels():
    model = TASK.build(tiny_head.tiny_encoder(), LABELS, dropout=0.0)
    truth = np.float32([[0, 0, 0], [0, 1, 0], [1, 0, 1]])
    losses = tiny_head.train(TASK, model, {"labels": truth}, learning_rate=0.1)
    assert losses[-1] < losses[0] / 2


def answer(logits, text="x"):
    outputs = [{"logits": np.float32(logits)}]
    return TASK.answer(Example(text, None, None, ""), [object()], outputs, LABELS)


def test_an_answer_has_the_labels_with_half_a_probability_or_more():
    told = answer([0.0, -0.01, 2.0], "球赛")
    shares = {
        "体育": 0.5,
        "money": 1 / (1 + np.exp(0.01)),
        "sport": 1 / (1 + np.exp(-2)),
    }
    assert dataclasses.asdict(told) == {
        "text": "球赛",
        "labels": ["体育", "sport"],
        "probabilities": pytest.approx(shares),
    }
    json.dumps(dataclasses.asdict(told))
    assert told.columns() == ["体育|sport", "0.5000|0.8808"]
    assert answer([-1000, -1, 1000]).probabilities["体育"] == 0


def test_a_text_without_labels_and_an_empty_one_show_dashes():
    assert answer([-1, -2, -3]).columns() == ["-", "-"]
    empty = TASK.answer(Example("", None, None, ""), [], [], LABELS)
    assert (empty.labels, empty.probabilities) == ([], {})
    assert empty.columns() == ["-", "-"]


def test_a_model_of_other_labels_is_refused():
    message = "decides on 2 labels, but its model.json names 3. Convert the run again"
    with pytest.raises(UserError, match=message):
        answer([1, 2])


def told(*shares):
    """An answer with these probabilities, in the order of `LABELS`."""
    probabilities = dict(zip(LABELS, shares, strict=True))
    return Answer("x", [k for k, v in probabilities.items() if v >= 0.5], probabilities)


def test_measures_of_four_texts_counted_by_hand():
    truths = [["体育", "sport"], ["sport"], [], ["体育"]]
    answers = [
        told(0.9, 0.1, 0.6),
        told(0.7, 0.2, 0.4),
        told(0, 0, 0),
        told(0.8, 0, 0.5),
    ]
    measured = TASK.measure(
        [Example("x", None, truth, "") for truth in truths], answers, LABELS
    )
    # 体育: 0.9 right, 0.8 right, 0.7 wrong. sport: 0.6 right, 0.5 wrong, 0.4 right.
    precisions = {"体育": 1.0, "sport": (1 + 2 / 3) / 2}
    sport = {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "examples": 2}
    assert measured == {
        "average_precision": pytest.approx((1 + 5 / 6) / 2),
        "macro_f1": pytest.approx((4 / 5 + 1 / 2) / 2),
        # Three of five answers are right, and three of four truths are found.
        "micro_f1": pytest.approx(2 * 3 / (5 + 4)),
        "accuracy": 2 / 4,
        "examples": 4,
        "per_label": {
            "体育": pytest.approx(
                {
                    "average_precision": precisions["体育"],
                    "precision": 2 / 3,
                    "recall": 1.0,
                    "f1": 4 / 5,
                    "examples": 2,
                }
            ),
            "money": {
                "average_precision": None,
                "precision": 0.0,
                "recall": 0.0,
                "f1": 0.0,
                "examples": 0,
            },
            "sport": pytest.approx({"average_precision": precisions["sport"]} | sport),
        },
    }
    json.dumps(measured)


def test_texts_without_any_label_measure_as_zeros():
    measured = TASK.measure([Example("x", None, [], "")], [told(0, 0, 0)], LABELS)
    assert [measured[name] for name in TASK.metrics] == [0, 0, 0]
    assert measured["accuracy"] == 1


@given(st.lists(st.tuples(*[st.sets(st.sampled_from(LABELS))] * 2), min_size=1))
def test_f1_is_twice_the_hits_by_all_that_was_said_or_so(pairs):
    truths = [sorted(truth) for truth, _ in pairs]
    answers = [told(*(float(label in said) for label in LABELS)) for _, said in pairs]
    measured = TASK.measure(
        [Example("x", None, truth, "") for truth in truths], answers, LABELS
    )
    hits = [sum(label in t and label in s for t, s in pairs) for label in LABELS]
    both = [sum((label in t) + (label in s) for t, s in pairs) for label in LABELS]
    f1 = [2 * hit / total for hit, total in zip(hits, both, strict=True) if total]
    assert measured["macro_f1"] == pytest.approx(np.mean(f1 or [0]))
    assert measured["micro_f1"] == pytest.approx(2 * sum(hits) / max(sum(both), 1))
    assert measured["accuracy"] == pytest.approx(np.mean([t == s for t, s in pairs]))


@pytest.mark.parametrize(
    ("truth", "said", "label", "predicted", "probability"),
    [
        # The surest of the wrong: "sport" was denied with 0.9.
        (["sport"], told(0.6, 0.2, 0.1), "sport", "体育", 0.9),
        ([], told(0.6, 0.7, 0.1), "-", "体育|money", 0.7),
        (["体育", "sport"], told(0.6, 0.1, 0.3), "体育|sport", "体育", 0.7),
        (["money"], told(0.1, 0.2, 0.3), "money", "-", 0.8),
    ],
)
def test_a_mistake_is_where_the_sets_differ(truth, said, label, predicted, probability):
    assert TASK.mistake(Example("x", None, truth, ""), said) == {
        "label": label,
        "predicted": predicted,
        "probability": probability,
    }


def test_the_same_set_in_another_order_is_no_mistake():
    example = Example("x", None, ["sport", "体育"], "")
    assert TASK.mistake(example, told(0.9, 0.1, 0.8)) is None
