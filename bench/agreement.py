"""Whether two contestants computed the same, so that their times may be compared."""

from collections.abc import Mapping
from typing import Any

import numpy as np

# How far outputs may be apart. float32 differs by the order of sums; bfloat16 keeps
# 8 bits of each factor. int8 is judged by its accuracy, which rounds more than that.
_TOLERANCE = {"float32": 2e-3, "bfloat16": 0.15, "int8": np.inf}


def agreement(
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    precisions: tuple[str, str],
    accuracy_margin: float,
) -> tuple[dict[str, float], str]:
    """Compares what two contestants' `check` gave.

    Args:
        ours, theirs: `logits` and `losses`, arrays as nested lists; `accuracy`, a
            share; `answers`, a list of str. What only one has is not compared.
        precisions: "float32", "bfloat16" or "int8", of each.
        accuracy_margin: how far ours may be below theirs. A peer that is less right
            than ours counts all the same: that is not to our advantage.

    Returns:
        The differences, ours minus theirs for `accuracy` and the farthest apart for
        what else; and what is wrong, empty if they agree.
    """
    tolerance = max(_TOLERANCE[precision] for precision in precisions)
    differences: dict[str, float] = {}
    faults = []
    for name in sorted({"logits", "losses"} & set(ours) & set(theirs)):
        first, second = np.asarray(ours[name]), np.asarray(theirs[name])
        if first.shape != second.shape:
            faults.append(f"{name} of shapes {first.shape} and {second.shape}")
            continue
        farthest = float(np.abs(first - second).max(initial=0.0))
        differences[name] = farthest
        if not farthest <= tolerance:  # NaN is no agreement either.
            faults.append(f"{name} differ by {farthest:.2g}, over {tolerance:g}")
    if "accuracy" in ours and "accuracy" in theirs:
        gain = ours["accuracy"] - theirs["accuracy"]
        differences["accuracy"] = gain
        # Accuracies are counts divided: what should be just the margin may be more.
        if not gain >= -accuracy_margin - 1e-9:
            faults.append(
                f"our accuracy is {-gain:.4f} lower, over {accuracy_margin:g}"
            )
    if (
        "answers" in ours
        and "answers" in theirs
        and ours["answers"] != theirs["answers"]
    ):
        faults.append(f"answers {ours['answers']} and {theirs['answers']}")
    if not differences and not faults and "answers" not in ours:
        faults.append("nothing was compared")
    return differences, "; ".join(faults)
