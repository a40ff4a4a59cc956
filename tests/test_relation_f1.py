"""Relations counted as SemEval-2010 task 8 does, next to longhand."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.example import Example
from bert_cpu.tasks.classify import Answer
from bert_cpu.tasks.relate import Relate


def measure(pairs):
    truths, predicted = zip(*pairs, strict=True)
    return Relate().measure(
        [Example("x", None, truth, "") for truth in truths],
        [Answer("x", label, {}) for label in predicted],
        sorted({*truths, *predicted, "another"}),
    )


def test_macro_f1_of_eleven_answers_counted_by_hand():
    a, b, c = "Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "因果(e2,e1)"
    pairs = [
        *((a, a), (a, a), (a, b), (b, b), (b, "Other"), (b, c)),
        *((c, c), (c, a), ("Other", c), ("Other", "Other"), ("Other", a)),
    ]
    measured = measure(pairs)
    # Cause-Effect: 3 right; answered 2 + 1 (wrong way) + 1 + 1 + 1; true 6.
    # 因果: 1 right; answered 1 + 1 + 1; true 2. Other: not in the mean.
    cause, chinese = 2 * 3 / (6 + 6), 2 * 1 / (3 + 2)
    assert measured["macro_f1"] == pytest.approx((cause + chinese) / 2)
    assert measured["accuracy"] == pytest.approx(5 / 11)
    assert measured["examples"] == 11
    assert measured["per_relation"] == {
        "Cause-Effect": pytest.approx(
            {"precision": 3 / 6, "recall": 3 / 6, "f1": cause, "examples": 6}
        ),
        "因果": pytest.approx(
            {"precision": 1 / 3, "recall": 1 / 2, "f1": chinese, "examples": 2}
        ),
    }
    assert np.sum(measured["confusion_matrix"]) == 11
    assert measured["per_label"][b]["examples"] == 3
    json.dumps(measured)


def scorer_macro_f1(pairs, relations):
    """As the official scorer lays it out: a matrix of relations, without direction.

    What has the right relation and the wrong direction stands apart, and is added
    to the row's and the column's sum.
    """
    names = [*relations, "Other"]
    confusion = np.zeros((len(names), len(names)), int)
    wrong_way = np.zeros(len(names), int)
    for truth, said in pairs:
        row, column = (names.index(label.split("(")[0]) for label in (truth, said))
        if row == column and truth != said:
            wrong_way[row] += 1
        else:
            confusion[row, column] += 1
    scores = []
    for i in range(len(relations)):
        row, column = confusion[i].sum(), confusion[:, i].sum()
        precision = confusion[i, i] / max(column + wrong_way[i], 1)
        recall = confusion[i, i] / max(row + wrong_way[i], 1)
        scores.append(2 * precision * recall / max(precision + recall, 1e-9))
    return np.mean(scores)


DIRECTED = [f"{name}({way})" for name in "ABC" for way in ("e1,e2", "e2,e1")]


@given(
    st.lists(st.tuples(*[st.sampled_from([*DIRECTED, "Other"])] * 2)),
    st.permutations(DIRECTED),
)
def test_macro_f1_is_the_official_scorers(pairs, predicted):
    # Each relation occurs: only then does the scorer average over all.
    pairs = [*pairs, *zip(DIRECTED, predicted, strict=True)]
    measured = measure(pairs)
    assert measured["macro_f1"] == pytest.approx(scorer_macro_f1(pairs, "ABC"))


def test_a_relation_that_was_only_answered_is_not_in_the_mean():
    assert measure([("A", "A"), ("Other", "B")])["macro_f1"] == 1


@pytest.mark.parametrize("none", ["Other", "no_relation", "NA", "其他"])
def test_labels_without_direction_count_and_no_relation_does_not(none):
    pairs = [("per:title", "per:title"), ("工作", "per:title"), (none, none)]
    assert measure(pairs)["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert measure([(none, none)])["macro_f1"] == 0
