"""What all rows come to: each case against its fastest peer, and its goal."""

from collections.abc import Iterable
from typing import Any


def summarize(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line a case.

    Args:
        rows: of `bench.json`.

    Returns:
        For each case, in their order: `job`, `case`, `unit`, `fastest` (the peer
        that did best of those whose ratio counts, or None), `ours`, `ratio`,
        `goal`, `reached` (None without a goal or a ratio), `share_of_limit`,
        `limit`, and `failed`, the peers without a value.
    """
    cases: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        cases.setdefault((row["job"], row["case"]), []).append(row)
    return [_line(*key, own) for key, own in cases.items()]


def _line(job, case, rows):
    counted = [row for row in rows if row["ratio"] is not None]
    # The fastest peer is the one against which ours does worst.
    nearest = min(counted, key=lambda row: row["ratio"], default=None)
    shares = [row for row in rows if row.get("share_of_limit") is not None]
    goal = rows[0].get("goal")
    ratio = None if nearest is None else nearest["ratio"]
    return {
        "job": job,
        "case": case,
        "unit": rows[0]["unit"],
        "fastest": None if nearest is None else nearest["peer"],
        "ours": None if nearest is None else nearest["ours"],
        "ratio": ratio,
        "goal": goal,
        "reached": None if goal is None or ratio is None else ratio >= goal,
        "share_of_limit": shares[0]["share_of_limit"] if shares else None,
        "limit": shares[0]["limit"] if shares else None,
        "failed": [row["peer"] for row in rows if row["theirs"] is None],
    }
