"""The model as pictures: lines by its formulae, dots where it was played."""

from collections.abc import Mapping
from typing import Any

from matplotlib.ticker import FuncFormatter

from bert_cpu.report.drawing import SMALL, Drawing
from bert_cpu.report.palette import SERIES, light

_WIDTH, _HEIGHT = 640, 340


def draw_efficiency(predicted: Mapping[str, Any]) -> Drawing:
    """Efficiency by the number of workers, a line a network.

    Args:
        predicted: by `predict`.
    """
    drawing, axes = _frame("efficiency", "workers", base=2)
    alone = predicted["alone"]
    for colour, gigabits in zip(SERIES, _networks(predicted), strict=True):
        steps = [s for s in predicted["steps"] if s["gigabits"] == gigabits]
        counts = [step["workers"] for step in steps]
        shares = [alone / step["seconds"] for step in steps]
        name = f"{gigabits:g} Gbit/s"
        axes.plot(counts, shares, color=light(colour), linewidth=2, label=name)
        played = [step for step in steps if step["played"] is not None]
        axes.plot(
            [step["workers"] for step in played],
            [alone / step["played"] for step in played],
            color=light(colour),
            linewidth=0,
            marker="o",
            markersize=6,
        )
    counts = sorted({step["workers"] for step in predicted["steps"]})
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.set_xticks([], minor=True)
    axes.legend(
        loc="lower left", frameon=False, fontsize=SMALL, labelcolor=light("muted")
    )
    return drawing


def draw_intervals(predicted: Mapping[str, Any]) -> Drawing:
    """The share of time that is not lost by the interval between checkpoints.

    Args:
        predicted: by `predict`.
    """
    drawing, axes = _frame("intervals", "minutes between two checkpoints", base=10)
    points = predicted["curve"]["points"]
    played = [point for point in points if point["played"] is not None]
    axes.plot(*_line(points, "share"), color=light("first"), linewidth=2)
    axes.plot(
        *_line(played, "played"),
        color=light("first"),
        linewidth=0,
        marker="o",
        markersize=6,
    )
    best = young_daly_point(predicted)
    axes.axvline(
        best["interval"] / 60, color=light("second"), linewidth=1.5, linestyle="--"
    )
    axes.annotate(
        "Young and Daly",
        (best["interval"] / 60, 0),
        (6, 8),
        textcoords="offset points",
        fontsize=SMALL,
        color=light("second"),
    )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return drawing


def young_daly_point(predicted: Mapping[str, Any]) -> Mapping[str, Any]:
    """The middle one of the curve's points, at the interval of the rule."""
    points = predicted["curve"]["points"]
    return points[len(points) // 2]


def _networks(predicted):
    return list(dict.fromkeys(step["gigabits"] for step in predicted["steps"]))


def _line(points, field):
    return (
        [point["interval"] / 60 for point in points],
        [point[field] for point in points],
    )


def _frame(name, x_label, base):
    drawing = Drawing(name, _WIDTH, _HEIGHT)
    axes = drawing.axes(left=52, top=14, right=24, bottom=46)
    axes.set_xscale("log", base=base)
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes.set_xlabel(x_label, fontsize=SMALL, color=light("muted"), labelpad=4)
    return drawing, axes
