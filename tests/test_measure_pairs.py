"""Ranks and correlations of vectors, next to scikit-learn and brute force."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from bert_cpu.example import Example
from bert_cpu.tasks.parts import measure_pairs as module
from bert_cpu.tasks.parts.measure_pairs import measure_pairs


def unit_vectors(seed, count, dim=8):
    vectors = np.random.default_rng(seed).normal(size=(count, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")


def pairs(texts, labels=None):
    labels = labels or [None] * len(texts)
    return [Example(*two, label, "") for two, label in zip(texts, labels, strict=True)]


@pytest.mark.parametrize("block", [1, 700, 2**24])
def test_ranks_of_distinct_texts_are_scikit_learns(monkeypatch, block):
    monkeypatch.setattr(module, "_BLOCK", block)
    first = unit_vectors(0, 100)
    second = first + unit_vectors(1, 100)
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    examples = pairs([(f"question {i}", f"回答 {i}") for i in range(100)])
    measured = measure_pairs(examples, list(zip(first, second, strict=True)))
    scores, rows = first @ second.T, np.arange(100)
    # With one right label each, the mean precision at it is 1 / its rank.
    expected = sklearn_metrics.label_ranking_average_precision_score(
        np.eye(100), scores
    )
    assert measured["mrr"] == pytest.approx(expected)
    for k in (1, 10):
        expected = sklearn_metrics.top_k_accuracy_score(rows, scores, k=k)
        assert measured[f"recall_at_{k}"] == pytest.approx(expected)
        assert 0.2 < expected < 0.99
    assert measured["examples"] == 100
    assert measured.keys() == {"mrr", "recall_at_1", "recall_at_10", "examples"}


def brute_force_ranks(examples, vectors):
    """One by one, over sets of texts."""
    vector_of = {
        example.text_pair: pair[1]
        for example, pair in zip(examples, vectors, strict=True)
        if pair is not None
    }
    ranks = []
    for example, pair in zip(examples, vectors, strict=True):
        if pair is None:
            ranks.append(float("inf"))
            continue
        right = {e.text_pair for e in examples if e.text == example.text}
        cosines = {text: float(pair[0] @ other) for text, other in vector_of.items()}
        best = max(cosines[text] for text in right & vector_of.keys())
        nearer = [t for t, c in cosines.items() if t not in right and c >= best]
        ranks.append(1 + len(nearer))
    return np.array(ranks)


# Whole numbers, whose sums are exact: many cosines are equal. A text always has the
# same vector, and some have none.
@given(
    texts=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 9)), min_size=1, max_size=25
    ),
    table=st.lists(
        st.none() | st.tuples(*[st.integers(-2, 2)] * 3), min_size=17, max_size=17
    ),
    block=st.integers(1, 60),
)
def test_ranks_with_repeats_ties_and_empty_texts_are_brute_forces(texts, table, block):
    examples = pairs([(f"q{first}", f"a{second}") for first, second in texts])
    vectors = [
        None
        if table[first] is None or table[7 + second] is None
        else (np.float32(table[first]), np.float32(table[7 + second]))
        for first, second in texts
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        measured = measure_pairs(examples, vectors)
    ranks = brute_force_ranks(examples, vectors)
    assert measured["mrr"] == pytest.approx(np.mean(1 / ranks))
    assert measured["recall_at_1"] == pytest.approx(np.mean(ranks == 1))
    assert measured["recall_at_10"] == pytest.approx(np.mean(ranks <= 10))


def test_a_model_that_says_the_same_of_all_texts_finds_nothing():
    same = list(np.ones((50, 4), "float32") / 2)
    examples = pairs([(f"q{i}", f"a{i}") for i in range(50)])
    measured = measure_pairs(examples, list(zip(same, same, strict=True)))
    assert measured["mrr"] == pytest.approx(1 / 50)
    assert measured["recall_at_10"] == 0


def test_a_repeated_second_text_is_right_wherever_it_stands():
    examples = pairs([("q0", "yes"), ("q1", "yes"), ("q2", "no")])
    yes, no = np.eye(2, dtype="float32")
    measured = measure_pairs(examples, [(yes, yes), (yes, yes), (no, no)])
    assert measured["mrr"] == measured["recall_at_1"] == 1


def test_scores_are_compared_with_cosines():
    first, second = unit_vectors(2, 30), unit_vectors(3, 30)
    cosines = (first * second).sum(axis=1)
    labels = [float(score) for score in np.exp(3 * cosines)]
    labels[4] = labels[9] = None
    examples = pairs([(f"q{i}", f"a{i}") for i in range(30)], labels)
    measured = measure_pairs(examples, list(zip(first, second, strict=True)))
    rows = [i for i in range(30) if labels[i] is not None]
    scores = np.array([labels[i] for i in rows])
    expected = np.corrcoef(scores, cosines[rows])[0, 1]
    assert measured["spearman"] == pytest.approx(1)
    assert measured["pearson"] == pytest.approx(expected)
    assert expected < 0.99


def test_equal_scores_share_their_rank():
    first, second = unit_vectors(4, 5), unit_vectors(5, 5)
    cosines = (first * second).sum(axis=1)
    examples = pairs([(f"q{i}", f"a{i}") for i in range(5)], [0.0, 5.0, 2.0, 2.0, 5.0])
    measured = measure_pairs(examples, list(zip(first, second, strict=True)))
    ranks = [1, 4.5, 2.5, 2.5, 4.5]
    expected = np.corrcoef(ranks, np.argsort(np.argsort(cosines)))[0, 1]
    assert measured["spearman"] == pytest.approx(expected)


@pytest.mark.parametrize("labels", [[3.0, None, None], [3.0, 3.0, 3.0]])
def test_scores_that_do_not_differ_correlate_with_nothing(labels):
    vectors = list(unit_vectors(6, 3))
    examples = pairs([(f"q{i}", f"a{i}") for i in range(3)], labels)
    measured = measure_pairs(examples, list(zip(vectors, vectors, strict=True)))
    assert not {"spearman", "pearson"} & measured.keys()
    assert json.loads(json.dumps(measured)) == measured
