"""The results as Markdown tables."""

from collections.abc import Iterable, Sequence
from typing import Any

from bench.limits import UNITS
from bench.summarize import summarize

_AXES = {
    "length": "tokens in a sequence",
    "batch": "sequences in a batch",
    "num_hidden_layers": "layers",
    "hidden_size": "hidden size",
    "rows": "texts to prepare",
}


def summary_table(rows: Sequence[dict[str, Any]]) -> str:
    """Each case against its fastest peer."""
    return _table(
        ("job", "case", "fastest peer", "ratio", "goal", "reached", "share of limit"),
        (
            (
                line["job"],
                line["case"],
                line["fastest"] or "none",
                _ratio(line["ratio"]),
                _ratio(line["goal"]),
                {None: "-", True: "yes", False: "no"}[line["reached"]],
                _share(line["share_of_limit"], line["limit"]),
            )
            for line in summarize(rows)
        ),
    )


def rows_table(rows: Iterable[dict[str, Any]]) -> str:
    """Every row; a ratio that doesn't count is in brackets."""
    return _table(
        ("job", "case", "peer", "ours", "theirs", "unit", "ratio", "spread", "note"),
        (
            (
                row["job"],
                row["case"],
                row["peer"],
                number(row["ours"]),
                number(row["theirs"]),
                row["unit"],
                _counted(row),
                _spread(row.get("ratios")),
                row["note"],
            )
            for row in rows
        ),
    )


def limits_table(limits: dict[str, dict[str, Any]]) -> str:
    """What the machine can do at all."""
    names = dict.fromkeys(UNITS, "matrix products") | {"memory": "bandwidth, triad"}
    return _table(
        ("limit", "best", "unit", "kernel", "not measured"),
        (
            (
                f"{kind}: {names[kind]}",
                number(limit["value"]),
                limit["unit"],
                limit["kernel"],
                "; ".join(limit.get("notes", [])),
            )
            for kind, limit in limits.items()
        ),
    )


def growth_table(growth: Iterable[dict[str, Any]]) -> str:
    """Time and memory at growing sizes, and the exponent since the size before."""
    lines = []
    for axis in growth:
        exponents = ["-", *map(number, axis["local_exponents"])]
        done = [point for point in axis["points"] if "seconds" in point]
        for point, exponent in zip(done, exponents, strict=False):
            lines.append(
                (
                    _AXES.get(axis["axis"], axis["axis"]),
                    f"{point['size']:,}",
                    number(point["seconds"]),
                    number(point["memory_mb"]),
                    exponent,
                )
            )
        lines += [
            (
                _AXES.get(axis["axis"], axis["axis"]),
                f"{point['size']:,}",
                *("-", "-", point["note"]),
            )
            for point in axis["points"]
            if "note" in point
        ]
    return _table(("what grows", "size", "seconds", "peak MB", "exponent"), lines)


def number(value: float | None) -> str:
    """Three digits, as many as a timing is worth; a dash for none."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _ratio(value):
    return "-" if value is None else f"{value:.2f}"


def _share(share, limit):
    return "-" if share is None else f"{share:.0%} of {limit}"


def _counted(row):
    if row["ratio"] is not None:
        return f"{row['ratio']:.2f}"
    uncounted = row.get("uncounted_ratio")
    return "-" if uncounted is None else f"({uncounted:.2f})"


def _spread(ratios):
    return f"{min(ratios):.2f} to {max(ratios):.2f}" if ratios else "-"


def _table(names, lines):
    text = "".join(
        f"| {' | '.join(_cell(cell) for cell in line)} |\n"
        for line in (names, ["---"] * len(names), *lines)
    )
    return text.rstrip("\n")


def _cell(text):
    # What a contestant said may hold anything.
    return " ".join(str(text).split()).replace("|", "\\|")
