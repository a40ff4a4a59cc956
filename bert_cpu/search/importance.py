"""How much each searched setting decided about the score."""

from collections.abc import Mapping, Sequence
from typing import Any

# With fewer trials, a forest explains chance.
LEAST_TRIALS = 8
_TREES, _SHUFFLES = 200, 20


def importance(
    values: Sequence[Mapping[str, Any]], scores: Sequence[float]
) -> dict[str, float] | None:
    """Shares of the settings in what a random forest knows about the score.

    The forest learns to tell the score from the settings; then one setting at a time
    is shuffled over the trials, and what the forest then knows less (the fall of R²,
    on the trials that it learned from) is that setting's importance. With tens of
    trials this is a hint and no proof.

    Args:
        values: of each trial, by the name of the setting; all trials have the same.
        scores: of each trial.

    Returns:
        Name -> share, which add up to 1, the largest first; or None with fewer than
        `LEAST_TRIALS`, or if all scores are the same.
    """
    if len(scores) < LEAST_TRIALS or len(set(scores)) < 2:
        return None
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    names = list(values[0])
    columns = {name: [each[name] for each in values] for name in names}
    rows = list(zip(*(_as_numbers(column) for column in columns.values()), strict=True))
    forest = RandomForestRegressor(_TREES, random_state=0).fit(rows, scores)
    found = permutation_importance(
        forest, rows, scores, n_repeats=_SHUFFLES, random_state=0
    )
    falls = [max(0.0, float(fall)) for fall in found.importances_mean]
    total = sum(falls)
    if not total:
        return None
    shares = {name: fall / total for name, fall in zip(names, falls, strict=True)}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _as_numbers(column):
    if all(isinstance(value, int | float) for value in column):
        return [float(value) for value in column]
    words = sorted({str(value) for value in column})
    return [float(words.index(str(value))) for value in column]
