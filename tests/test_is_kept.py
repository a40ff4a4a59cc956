"""A later epoch is kept unless an earlier one was surely better."""

import math

import numpy as np
import pytest

from bert_cpu.training.is_kept import is_kept


def test_the_first_epoch_is_kept_however_bad():
    assert is_kept({"accuracy": 0.0, "examples": 10}, "accuracy", -2.0)
    assert is_kept({"spearman": -1.0, "examples": 10}, "spearman", -2.0)


def test_one_standard_error_is_that_of_the_mean_of_hits():
    hits = np.repeat([1.0, 0.0], [300, 100])
    error = hits.std() / math.sqrt(len(hits))
    for shift, expected in ((0.99, True), (1.01, False)):
        score = hits.mean() - shift * error
        measured = {"accuracy": score, "examples": len(hits)}
        assert bool(is_kept(measured, "accuracy", hits.mean())) is expected


@pytest.mark.parametrize("score, expected", [(0.71, True), (0.7, False), (0.69, False)])
def test_without_a_number_of_examples_only_better_is_kept(score, expected):
    assert is_kept({"f1": score}, "f1", 0.7) is expected


def test_a_perfect_score_gives_way_to_none_but_itself_being_beaten():
    assert not is_kept({"f1": 0.999, "examples": 10}, "f1", 1.0)
