"""The pictures of a sweep: its history, its settings, and what they cost."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import FuncFormatter, MaxNLocator

from bert_cpu.report.drawing import HALF_HEIGHT, HALF_WIDTH, NORMAL, SMALL, Drawing
from bert_cpu.report.number_filters import scientific
from bert_cpu.report.palette import light

_WIDE = 880


def draw_history(
    numbers: Sequence[int], scores: Sequence[float], is_lower_better: bool
) -> Drawing | None:
    """Each trial's score in the order in which they began, and the best so far.

    Args:
        numbers: of the trials, as their names say; those that failed are left out.
        scores: of these.
        is_lower_better: bool.

    Returns:
        Drawing, or None without a score.
    """
    if not scores:
        return None
    drawing = Drawing("history", HALF_WIDTH, HALF_HEIGHT)
    axes = drawing.axes(left=52, top=16, right=14, bottom=40)
    choose = min if is_lower_better else max
    best: list[float] = []
    for score in scores:
        best.append(choose([*best[-1:], score]))
    axes.step(numbers, best, where="post", color=light("second"), gid="best")
    axes.plot(numbers, scores, "o", markersize=5, color=light("first"), gid="trials")
    axes.set_xlim(min(numbers) - 0.5, max(numbers) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("trial", fontsize=SMALL, color=light("muted"), labelpad=4)
    return drawing


def draw_parallel(
    values: Sequence[Mapping[str, Any]],
    scores: Sequence[float],
    objective: str,
    log_names: Sequence[str],
    is_lower_better: bool,
) -> Drawing | None:
    """A line for each trial through its settings to its score.

    Args:
        values: of each trial, by the name of the setting.
        scores: of each trial.
        objective: what the scores are.
        log_names: settings that are searched by factors.
        is_lower_better: bool. Of a loss.

    Returns:
        Drawing, or None with fewer than two trials.
    """
    if len(scores) < 2:
        return None
    names = [*values[0], objective]
    rows = [
        {**each, objective: score} for each, score in zip(values, scores, strict=True)
    ]
    drawing = Drawing("parallel", _WIDE, 330)
    axes = drawing.axes(left=46, top=30, right=46, bottom=58)
    axes.grid(visible=False)
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    heights = {
        name: _heights([row[name] for row in rows], name in log_names) for name in names
    }
    order = sorted(range(len(rows)), key=lambda i: scores[i], reverse=is_lower_better)
    for rank, index in enumerate(order):
        is_best = rank == len(order) - 1
        axes.plot(
            range(len(names)),
            [heights[name][0][index] for name in names],
            color=light("second" if is_best else "first"),
            linewidth=2.4 if is_best else 1.2,
            # The better a trial, the stronger its line.
            alpha=1.0 if is_best else 0.15 + 0.65 * rank / len(order),
            gid=f"trial-{index}",
        )
    for place, name in enumerate(names):
        axes.axvline(place, color=light("line"), linewidth=1, zorder=0)
        for height, words in heights[name][1]:
            axes.annotate(
                words,
                (place, height),
                (4, 3),
                textcoords="offset points",
                fontsize=SMALL - 2,
                color=light("muted"),
            )
    axes.set_ylim(-0.04, 1.08)
    axes.set_xlim(-0.1, len(names) - 0.9)
    axes.set_xticks(
        range(len(names)), [name.replace("_", "\n") for name in names], fontsize=SMALL
    )
    return drawing


def draw_importance(shares: Mapping[str, float] | None) -> Drawing | None:
    """A bar for each setting; None if nothing is known."""
    if not shares:
        return None
    drawing = Drawing("importance", HALF_WIDTH, max(120, 46 + 26 * len(shares)))
    axes = drawing.axes(left=124, top=8, right=44, bottom=12)
    axes.grid(visible=False)
    names, widths = list(shares)[::-1], list(shares.values())[::-1]
    axes.barh(names, widths, height=0.62, color=light("first"), gid="shares")
    for place, width in enumerate(widths):
        axes.annotate(
            f"{width:.0%}",
            (width, place),
            (5, -4),
            textcoords="offset points",
            fontsize=SMALL,
            color=light("muted"),
        )
    axes.set_xticks([])
    return drawing


def draw_cost(
    costs: Sequence[float], scores: Sequence[float], unit: str, objective: str
) -> Drawing | None:
    """Each trial's score against what it costs: milliseconds, or seconds to train.

    Returns:
        Drawing, or None without a trial.
    """
    if not scores:
        return None
    drawing = Drawing("cost", HALF_WIDTH, HALF_HEIGHT)
    axes = drawing.axes(left=52, top=16, right=14, bottom=40)
    axes.plot(costs, scores, "o", markersize=6, color=light("third"), gid="trials")
    axes.set_xlim(0, max(costs) * 1.08 or 1)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel(unit, fontsize=SMALL, color=light("muted"), labelpad=4)
    axes.set_title(objective, fontsize=NORMAL, color=light("muted"), loc="left")
    return drawing


def _heights(column, is_log):
    """Where each value is between the lowest (0) and the highest (1), and the ends."""
    if not all(isinstance(value, int | float) for value in column):
        words = sorted({str(value) for value in column})
        step = 1 / max(len(words) - 1, 1)
        marks = [(step * place, word) for place, word in enumerate(words)]
        return [step * words.index(str(value)) for value in column], marks
    numbers = [math.log(value) if is_log else float(value) for value in column]
    low, high = min(numbers), max(numbers)
    heights = [(value - low) / (high - low) if high > low else 0.5 for value in numbers]
    ends = [(min(heights), scientific(min(column)))]
    if high > low:
        ends.append((1.0, scientific(max(column))))
    return heights, ends
