"""From a question to its answer: what heads look at, as a picture."""

import math
from typing import Any

from bert_cpu.report.attention import draw_attention
from bert_cpu.report.drawing import Drawing


def draw_attended(line: dict[str, Any], number: int = 0) -> Drawing | None:
    """Draws the tokens of a question as rows, those of its context as columns.

    Args:
        line: of `attention.jsonl`.
        number: of the drawing on its page.

    Returns:
        Drawing, or None if the line is not as it should be.
    """
    if not _fits(line):
        return None
    heads = line["heads"]
    return draw_attention(
        [head["weights"] for head in heads],
        line["rows"],
        [
            f"block {head['block']}, head {head['head']}: {head['share']:.0%}"
            for head in heads
        ],
        num_columns=2,
        looked_at=line["columns"],
        bold=line["answer_columns"],
        name=f"attended-{number}",
    )


def _fits(line: dict[str, Any]) -> bool:
    rows: Any = line.get("rows")
    columns: Any = line.get("columns")
    heads: Any = line.get("heads")
    return (
        _are(str, rows)
        and _are(str, columns)
        and _are(int, line.get("answer_columns"))
        and _are(dict, heads)
        and all(_is_head(head, len(rows), len(columns)) for head in heads)
    )


def _is_head(head: dict[str, Any], num_rows: int, num_columns: int) -> bool:
    weights: Any = head.get("weights")
    return (
        _are(int, [head.get("block"), head.get("head")])
        and _are_shares([head.get("share")], 1)
        and _are(list, weights)
        and len(weights) == num_rows
        and all(_are_shares(row, num_columns) for row in weights)
    )


def _are_shares(values: Any, count: int) -> bool:
    return (
        len(values) == count
        and all(type(value) in (int, float) for value in values)
        and all(math.isfinite(value) for value in values)
    )


def _are(kind: type, values: Any) -> bool:
    """Whether it is a list of that kind alone, with something in it."""
    return (
        isinstance(values, list)
        and bool(values)
        and all(type(value) is kind for value in values)
    )
