"""The results as pictures: bars against each peer, and curves of growth."""

from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import FuncFormatter

from bert_cpu.report.bars import draw_latency
from bert_cpu.report.drawing import HALF_HEIGHT, HALF_WIDTH, SMALL, Drawing, text_width
from bert_cpu.report.palette import light

_BAR_PIXELS, _NAME_PIXELS, _WIDTH = 26, 210, 640


def draw_job(rows: Sequence[dict[str, Any]]) -> Drawing | None:
    """How many times faster ours is than each peer, a bar a row.

    Args:
        rows: of one job. Those without a ratio that counts are left out.

    Returns:
        Drawing, with a line at 1: what is to the right of it, ours does faster.
    """
    shown = [row for row in rows if row["ratio"] is not None]
    if not shown:
        return None
    several = len({row["case"] for row in shown}) > 1
    names = [
        f"{row['peer']}, {_short(row['case'])}" if several else row["peer"]
        for row in shown
    ]
    left = min(330, max(_NAME_PIXELS, *(int(text_width(n, SMALL)) + 16 for n in names)))
    drawing = Drawing("ratios", _WIDTH, 56 + _BAR_PIXELS * len(shown))
    axes = drawing.axes(left=left, top=10, right=46, bottom=40)
    axes.grid(False)
    axes.grid(axis="x", color=light("line"), linewidth=1)
    for place, row in enumerate(shown):
        part = "first" if row["ratio"] >= 1 else "second"
        axes.barh(place, row["ratio"], height=0.64, color=light(part), linewidth=0)
        axes.annotate(
            f"{row['ratio']:.2f}",
            (row["ratio"], place),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=light("ink"),
        )
    axes.axvline(1, color=light("ink"), linewidth=1.2)
    axes.set_yticks(range(len(shown)), [drawing.words(name, 60) for name in names])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, 1.1 * max(1.0, *(row["ratio"] for row in shown)))
    axes.set_xlabel(
        "times faster than the peer (above 1: ours is ahead)",
        fontsize=SMALL,
        color=light("muted"),
        labelpad=4,
    )
    return drawing


def draw_growth(axis: dict[str, Any]) -> Drawing | None:
    """Seconds by size, with the line that a line would be, and memory beside them.

    Args:
        axis: of `measure_growth`.
    """
    points = [point for point in axis["points"] if "seconds" in point]
    if len(points) < 2:
        return None
    sizes = [point["size"] for point in points]
    seconds = [point["seconds"] for point in points]
    drawing = Drawing(f"growth-{axis['axis']}", 2 * HALF_WIDTH, HALF_HEIGHT)
    axes = drawing.axes(left=58, top=24, right=HALF_WIDTH + 14, bottom=42)
    axes.set_yscale("log")
    title = f"seconds, exponent {axis['exponent']:.2f} (dashed: 1)"
    _draw_curve(axes, sizes, seconds, title, axis["axis"])
    # From the last point down: what proportional growth to it would have been.
    linear = [seconds[-1] * size / sizes[-1] for size in sizes]
    axes.plot(sizes, linear, color=light("muted"), linewidth=1, linestyle=(0, (4, 3)))
    axes = drawing.axes(left=HALF_WIDTH + 58, top=24, right=14, bottom=42)
    memory = [point["memory_mb"] for point in points]
    _draw_curve(axes, sizes, memory, "MB of memory, at most", axis["axis"])
    axes.set_ylim(0, 1.1 * max(*memory, 1))
    return drawing


def draw_answers(rows: Sequence[dict[str, Any]]) -> Drawing | None:
    """Milliseconds of one answer by length, ours and the two fastest peers.

    Args:
        rows: of the job "one answer".
    """
    latencies: dict[str, dict[str, float]] = {"ours": {}}
    for row in rows:
        if row["theirs"] is not None:
            length = row["case"].rsplit(" ", 1)[-1]
            latencies["ours"][length] = row["ours"]
            latencies.setdefault(row["peer"], {})[length] = row["theirs"]
    peers = sorted(
        (name for name in latencies if name != "ours"),
        key=lambda name: sum(latencies[name].values()) / len(latencies[name]),
    )
    return draw_latency({name: latencies[name] for name in ("ours", *peers[:2])})


def as_file(drawing: Drawing, description: str) -> str:
    """A drawing as an SVG file that stands alone, on the page's own ground."""
    style = f'style="background:{light("page")}" font-family="sans-serif" '
    svg = str(drawing.to_svg(description)).replace("<svg ", f"<svg {style}", 1)
    return svg + "\n"


def _short(case):
    """The part of a case's name that tells it from its job's others."""
    return case.rsplit(", ", 1)[-1] if "length" in case else case.split(",")[0]


def _draw_curve(axes, sizes, values, title, name):
    axes.set_xscale("log")
    axes.plot(sizes, values, color=light("first"), linewidth=2, marker="o")
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_major_formatter(plain)
    axes.yaxis.set_major_formatter(plain)
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.set_xticks([], minor=True)
    axes.set_title(title, fontsize=SMALL, color=light("muted"))
    axes.set_xlabel(
        name.replace("_", " "), fontsize=SMALL, color=light("muted"), labelpad=4
    )
