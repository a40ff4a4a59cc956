"""What a side got done in the budget, from its trials."""

from collections.abc import Sequence
from typing import Any

from bench.tuning.trial import Trial


def count_trials(
    trials: Sequence[Trial], num_examples: int, budget_seconds: float
) -> dict[str, Any]:
    """Counts what was done by the end of the budget.

    Args:
        trials: of one side.
        num_examples: of the training split.
        budget_seconds: float.

    Returns:
        `trials`: how many were finished. `epochs`: whole ones, also of a trial that was
        not. `examples`: that were trained in these. `epoch_seconds`: the budget over
        `epochs`, so with all that is between trials; None without any.
        `best_accuracy`: of all epochs, on the validation split, or None.
    """
    done = [trial for trial in trials if trial.seconds <= budget_seconds]
    # One that was cut off may say so a moment later; its epochs were in the budget.
    cut = [t for t in trials if t.seconds > budget_seconds and not t.is_finished]
    scores = [score for trial in (*done, *cut) for score in trial.scores]
    return {
        "trials": sum(trial.is_finished for trial in done),
        "epochs": len(scores),
        "examples": len(scores) * num_examples,
        "epoch_seconds": budget_seconds / len(scores) if scores else None,
        "best_accuracy": max(scores, default=None),
    }


def count_same_draws(ours: Sequence[Trial], theirs: Sequence[Trial]) -> tuple[int, int]:
    """How many of the trials that begin anew have the same values on both sides.

    Args:
        ours, theirs: in the order in which they began.

    Returns:
        The number of leading ones that are the same, and of those that both have.
    """
    pairs = list(zip(_drawn(ours), _drawn(theirs), strict=False))
    same = 0
    for mine, other in pairs:
        if mine != other:
            break
        same += 1
    return same, len(pairs)


def _drawn(trials):
    return [dict(trial.values) for trial in trials if trial.continues is None]
