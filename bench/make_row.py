"""From the turns of a pair to rows of `bench.json`."""

import statistics
from collections.abc import Sequence
from typing import Any

from bench.case import Case, ratio_of, value_of
from bench.share_of_limit import share_of_limit
from bench.take_turns import Turn

# One that waits must not compute. Above this share of the other's turn, the row
# says so.
_MOST_IDLE_SHARE = 0.02

# What runs measure beside their time -> what the case is then called, and the unit.
_EXTRAS = {"peak_memory_mb": ("memory", "MB"), "accuracy": ("accuracy", "accuracy")}


def make_rows(
    case: Case,
    peer: str,
    pairs: Sequence[tuple[Turn, Turn]],
    differences: dict[str, float],
    fault: str,
    precision: str,
    limits: dict[str, Any],
    limit_value: float | None,
    measures: str | None = None,
) -> list[dict[str, Any]]:
    """A row for the time, and one for each other thing that both measured.

    Args:
        case, peer: what was raced.
        pairs: turns of ours and theirs.
        differences, fault: from `agreement`. With a fault the ratio doesn't count.
        precision: of ours.
        limits, limit_value: see `share_of_limit`.
        measures: the only measure that is compared, or None for all.
    """
    rows = []
    if measures is None:
        values = [
            tuple(value_of(case.unit, turn.amount, turn.seconds) for turn in pair)
            for pair in pairs
        ]
        row = _row(case, case.name, case.unit, peer, values, differences, fault)
        share, limit = share_of_limit(case, row["ours"], precision, limits, limit_value)
        idle = max(turn.idle_share for pair in pairs for turn in pair)
        row |= {"share_of_limit": share, "limit": limit, "idle_share": idle}
        if idle > _MOST_IDLE_SHARE:
            row["note"] = "; ".join(
                [*filter(None, [row["note"]]), f"the one that waited used {idle:.0%}"]
            )
        rows.append(row)
    for extra, (name, unit) in _EXTRAS.items():
        if measures in (None, extra) and all(
            extra in turn.extras for pair in pairs for turn in pair
        ):
            values = [tuple(turn.extras[extra] for turn in pair) for pair in pairs]
            # What is measured here is the very thing that else would have to agree.
            flaw = "" if extra == "accuracy" else fault
            rows.append(
                _row(
                    case, f"{case.name}: {name}", unit, peer, values, differences, flaw
                )
            )
    return rows


def failed_row(case: Case, peer: str, why: str) -> dict[str, Any]:
    """The row of one that could not be raced."""
    return {
        "job": case.job,
        "case": case.name,
        "peer": peer,
        "ours": None,
        "theirs": None,
        "unit": case.unit,
        "ratio": None,
        "counts": False,
        "note": why,
        "goal": case.goal,
    }


def _row(case, name, unit, peer, values, differences, fault):
    ours, theirs = zip(*values, strict=True)
    ratios = [ratio_of(unit, *pair) for pair in values]
    ratio = statistics.median(ratios)
    return {
        "job": case.job,
        "case": name,
        "peer": peer,
        "ours": statistics.median(ours),
        "theirs": statistics.median(theirs),
        "unit": unit,
        # Only if both computed the same.
        "ratio": None if fault else ratio,
        "uncounted_ratio": ratio if fault else None,
        "counts": not fault,
        "ratios": ratios,
        "ours_spread": [min(ours), max(ours)],
        "theirs_spread": [min(theirs), max(theirs)],
        "rounds": len(values),
        "differences": differences,
        "note": fault,
        "goal": case.goal if unit == case.unit else None,
    }
