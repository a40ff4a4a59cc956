"""How a run went: loss, learning rate and validation metrics over its steps."""

import math
from collections.abc import Iterable, Sequence

from matplotlib.ticker import FuncFormatter, MaxNLocator

from bert_cpu.report.drawing import HALF_HEIGHT, HALF_WIDTH, NORMAL, SMALL, Drawing
from bert_cpu.report.number_filters import scientific
from bert_cpu.report.palette import light

# More points than a picture has pixels only make the page heavy.
MAX_POINTS = 600


def draw_loss(steps: list[dict], epochs: list[dict]) -> Drawing | None:
    """The training loss, raw and smoothed, above the learning rate.

    Args:
        steps: lines of the history with `step`, `loss` and `learning_rate`.
        epochs: lines of the history with `step` and `validation_loss`.

    Returns:
        Drawing, or None if no step was written down.
    """
    at, loss = _series(steps, "loss")
    if not at:
        return None
    drawing = Drawing("loss", HALF_WIDTH, HALF_HEIGHT)
    upper = drawing.axes(left=44, top=10, right=10, bottom=100)
    upper.plot(
        *_thin(at, loss),
        color=light("first"),
        alpha=0.35,
        linewidth=1,
        marker="." if len(at) < 3 else None,
        gid="raw",
    )
    upper.plot(
        *_thin(at, smooth(loss)), color=light("first"), linewidth=2, gid="smooth"
    )
    upper.plot(
        *_series(epochs, "validation_loss"),
        color=light("second"),
        linewidth=1.2,
        linestyle=(0, (3, 2)),
        marker="o",
        markersize=5,
        gid="validation",
    )
    upper.set_ylim(bottom=0)
    upper.yaxis.set_major_locator(MaxNLocator(5))
    upper.tick_params(labelbottom=False)

    lower = drawing.axes(left=44, top=202, right=10, bottom=40)
    rated, rate = _series(steps, "learning_rate")
    lower.plot(*_thin(rated, rate), color=light("third"), linewidth=1.6, gid="rate")
    lower.set_ylim(bottom=0)
    lower.set_yticks([0, max(rate, default=0)])
    lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: scientific(value)))
    lower.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    lower.set_xlabel("step", fontsize=SMALL, color=light("muted"), labelpad=4)
    for axes in (upper, lower):
        axes.set_xlim(0, max(*at, 1) * 1.01)
        for epoch in epochs:
            axes.axvline(epoch.get("step", 0), color=light("line"), linewidth=1)
    return drawing


def draw_validation(epochs: list[dict], metrics: Sequence[str]) -> Drawing | None:
    """Scores of the validation split after each epoch.

    Args:
        epochs: lines of the history with `epoch` and `validation_…` for each metric.
        metrics: the most important first; two at most are drawn.

    Returns:
        Drawing, or None if no epoch has ended.
    """
    first, *others = metrics[:2]
    numbers, scores = _series(epochs, f"validation_{first}", at="epoch")
    if not numbers:
        return None
    drawing = Drawing("validation", HALF_WIDTH, HALF_HEIGHT)
    axes = drawing.axes(left=44, top=24, right=16, bottom=40)
    drawn = list(scores)
    for other in others:
        at, values = _series(epochs, f"validation_{other}", at="epoch")
        drawn += values
        axes.plot(
            at,
            values,
            color=light("second"),
            linewidth=1.6,
            linestyle=(0, (4, 2)),
            marker="s",
            markersize=5,
            gid=other,
        )
    axes.plot(
        numbers,
        scores,
        color=light("first"),
        linewidth=2,
        marker="o",
        markersize=6,
        gid=first,
    )
    best = max(range(len(numbers)), key=lambda index: scores[index])
    axes.annotate(
        f"{scores[best]:.4f}",
        (numbers[best], scores[best]),
        (0, 10),
        textcoords="offset points",
        ha="center",
        fontsize=NORMAL,
        fontweight="bold",
        color=light("first"),
    )
    lowest, highest = min(drawn), max(drawn)
    # Two points at least: a smaller window would magnify chance.
    margin = max(highest - lowest, 0.02) * 0.25
    axes.set_ylim(lowest - margin, highest + margin)
    axes.set_xlim(min(numbers) - 0.5, max(numbers) + 0.5)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel("epoch", fontsize=SMALL, color=light("muted"), labelpad=4)
    return drawing


def smooth(values: Sequence[float]) -> list[float]:
    """The moving average of `values`, each weighing less the older it is.

    It looks back over about a twentieth of the run. The early averages are
    divided by the weight that they have, so that they don't start at zero.
    """
    decay = 1 - 1 / max(5.0, len(values) / 20)
    total = weight = 0.0
    averages = []
    for value in values:
        total = decay * total + (1 - decay) * value
        weight = decay * weight + (1 - decay)
        averages.append(total / weight)
    return averages


def _series(
    lines: Iterable[dict], key: str, at: str = "step"
) -> tuple[list[float], list[float]]:
    """Where and what the finite values under `key` are."""
    points = [
        (line[at], line[key])
        for line in lines
        if at in line and math.isfinite(line.get(key, math.nan))
    ]
    return [point[0] for point in points], [point[1] for point in points]


def _thin(
    at: Sequence[float], values: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Means over as many neighbours as it takes to stay within MAX_POINTS."""
    size = math.ceil(len(values) / MAX_POINTS) or 1
    return _group_means(at, size), _group_means(values, size)


def _group_means(values: Sequence[float], size: int) -> list[float]:
    groups = (values[start : start + size] for start in range(0, len(values), size))
    return [sum(group) / len(group) for group in groups]
