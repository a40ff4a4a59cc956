"""What trials, settings and final runs of a sweep are worth."""

import itertools
import statistics

import pytest

from bert_cpu.search.final_runs import describe_final
from bert_cpu.search.importance import LEAST_TRIALS, importance
from bert_cpu.search.median_rule import is_below_median
from bert_cpu.search.score import score


def variant(name, ms, mb, accuracy):
    return {"name": name, "latency_ms": ms, "size_mb": mb, "accuracy": accuracy}


RESULT = {
    "metrics": {"accuracy": 0.9, "loss": 0.3},
    "converted": [variant("float32", 8.0, 90, 0.9), variant("int8", 4.0, 24, 0.89)],
}


@pytest.mark.parametrize(
    "objective, latency, size, expected",
    [
        ("accuracy", None, None, (0.9, None)),
        ("loss", None, None, (0.3, None)),
        ("accuracy", 10.0, None, (0.9, "float32")),
        ("accuracy", 5.0, None, (0.89, "int8")),
        ("accuracy", 10.0, 30.0, (0.89, "int8")),
        # 4 ms of 2 are one limit too much, 24 MB of 12 as well.
        ("accuracy", 2.0, None, (-2.0, None)),
        ("accuracy", 2.0, 12.0, (-2.0, None)),
        ("accuracy", 1.0, 12.0, (-4.0, None)),
    ],
)
def test_a_trial_is_worth_its_best_variant_within_the_limits(
    objective, latency, size, expected
):
    assert score(RESULT, objective, latency, size) == expected


@pytest.mark.parametrize("is_lower_better", [False, True])
def test_the_median_rule_is_that_of_longhand(is_lower_better):
    others = [[0.5, 0.6, 0.9], [0.7, 0.5, 0.5], [0.6, 0.8], [0.9]]
    best = min if is_lower_better else max
    for ours in ([0.55], [0.65], [0.95], [0.3, 0.61], [0.3, 0.81], [0.6, 0.6, 0.6]):
        theirs = [best(o[: len(ours)]) for o in others if len(o) >= len(ours)]
        expected = False
        if len(theirs) >= 3:
            middle = statistics.median(theirs)
            expected = best(ours) > middle if is_lower_better else best(ours) < middle
        assert is_below_median(ours, others, is_lower_better) == expected, ours
    # Only one other has come to the third epoch, and none is judged before its first.
    assert not is_below_median([0.0, 0.0, 0.0], others, False)
    assert not is_below_median([], others, False)


def test_what_decides_is_important_and_what_does_not_is_not():
    grid = list(itertools.product((1e-5, 1e-4, 1e-3), (8, 16, 32), ("none", "some")))
    values = [
        {"learning_rate": r, "batch_size": b, "class_weights": w} for r, b, w in grid
    ]
    scores = [0.8 - 100 * r + (0.02 if w == "some" else 0) for r, b, w in grid]
    shares = importance(values, scores)
    assert list(shares)[0] == "learning_rate"
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["batch_size"] < 0.02 < shares["class_weights"]
    assert importance(values[: LEAST_TRIALS - 1], scores[: LEAST_TRIALS - 1]) is None
    assert importance(values, [0.5] * len(values)) is None


def final_run(recipe, seed, validation, test):
    return {
        "recipe": recipe,
        "seed": seed,
        "run_dir": f"runs/{recipe}-{seed}",
        "validation": {"accuracy": validation},
        "test": {"accuracy": test},
        "metrics": ["accuracy"],
        "seconds": 1.0,
    }


def test_the_gain_is_the_mean_of_the_differences_with_its_error():
    runs = [
        final_run("best", 0, 0.80, 0.90),
        final_run("default", 0, 0.99, 0.88),
        final_run("best", 1, 0.85, 0.86),
        final_run("default", 1, 0.75, 0.85),
        final_run("best", 2, 0.70, 0.91),
        final_run("default", 2, 0.75, 0.85),
    ]
    final = describe_final(runs, "accuracy")
    # Not the best on the test, and not the default.
    assert final["best_run"] == "runs/best-1"
    gains = [0.02, 0.01, 0.06]
    assert final["gain"] == pytest.approx(0.03)
    assert final["error"] == pytest.approx(statistics.stdev(gains) / 3**0.5)
    assert final["recipes"]["default"]["mean"] == pytest.approx(0.86)
    alone = describe_final(runs[:1], "accuracy")
    assert "gain" not in alone
    assert alone["recipes"]["best"]["deviation"] is None
