"""Two bar charts: how long the texts are, and how long an answer takes."""

import math
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bert_cpu.report.drawing import HALF_HEIGHT, HALF_WIDTH, SMALL, Drawing
from bert_cpu.report.palette import SERIES, light

MAX_BARS = 44
# Bars from 1 to 30 can still be compared by eye; beyond that, logarithms.
LOGARITHM_FROM = 30


def draw_lengths(
    histogram: Mapping[str, int], max_length: int | None
) -> Drawing | None:
    """How many texts have how many tokens.

    Args:
        histogram: token length, as JSON has it, to the number of examples.
        max_length: int, where texts are cut, or None if unknown.

    Returns:
        Drawing, or None if nothing was counted.
    """
    counts = {int(length): count for length, count in histogram.items() if count}
    if not counts:
        return None
    bins, bin_width = group_lengths(counts, MAX_BARS)
    drawing = Drawing("lengths", HALF_WIDTH, HALF_HEIGHT)
    axes = drawing.axes(left=50, top=28, right=12, bottom=40)
    for end, count in bins.items():
        start = end - bin_width
        _bar(axes, start + bin_width * 0.06, bin_width * 0.88, count, "first", f"{end}")
    longest = max(*bins, max_length or 0)
    axes.set_xlim(min(bins) - bin_width, longest + bin_width * 0.5)
    axes.set_ylim(0, max(bins.values()) * 1.05)
    if max_length:
        axes.axvline(
            max_length, color=light("second"), linewidth=1.5, linestyle=(0, (4, 2))
        )
        axes.annotate(
            f"cut at {max_length}",
            (max_length, 1),
            (0, 8),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right",
            fontsize=SMALL,
            color=light("second"),
        )
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel(
        "tokens in a text", fontsize=SMALL, color=light("muted"), labelpad=4
    )
    return drawing


def draw_latency(latencies: Mapping[str, Mapping[str, float]]) -> Drawing | None:
    """Milliseconds for one text, by length bucket, a bar for each variant.

    Args:
        latencies: variant name to `{bucket: latency_ms}`, buckets as JSON has
            them. The scale is logarithmic if the slowest asks for it.

    Returns:
        Drawing, or None if nothing was measured.
    """
    values = [value for row in latencies.values() for value in row.values()]
    values = [value for value in values if value > 0]
    if not values:
        return None
    buckets = sorted({bucket for row in latencies.values() for bucket in row}, key=int)
    drawing = Drawing("latency", HALF_WIDTH, HALF_HEIGHT)
    axes = drawing.axes(left=40, top=16, right=10, bottom=40)
    is_logarithmic = max(values) / min(values) > LOGARITHM_FROM
    if is_logarithmic:
        floor = 10 ** math.floor(math.log10(min(values) * 0.9))
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_ylim(floor, max(values) * 1.5)
    else:
        floor = 0.0
        axes.set_ylim(0, max(values) * 1.1)
        axes.yaxis.set_major_locator(MaxNLocator(5))
    bar_width = 0.76 / len(latencies)
    # Pixels: a number of four characters must not reach into its neighbour's.
    bar_room = (HALF_WIDTH - 50) * bar_width / (len(buckets) + 0.1)
    for index, (name, row) in enumerate(latencies.items()):
        part = SERIES[index % len(SERIES)]
        for position, bucket in enumerate(buckets):
            if not row.get(bucket, 0) > 0:
                continue
            start = position - 0.38 + index * bar_width
            height = row[bucket] - floor
            _bar(
                axes,
                start + bar_width * 0.05,
                bar_width * 0.9,
                height,
                part,
                f"{name}-{bucket}",
                floor,
            )
            axes.annotate(
                _three_digits(row[bucket]),
                (start + bar_width / 2, row[bucket]),
                (0, 4),
                textcoords="offset points",
                ha="center",
                fontsize=min(SMALL, bar_room / 2.2),
                color=light("ink"),
            )
    axes.set_xlim(-0.55, len(buckets) - 0.45)
    axes.set_xticks(range(len(buckets)), buckets)
    axes.set_xlabel(
        "tokens in the bucket", fontsize=SMALL, color=light("muted"), labelpad=4
    )
    return drawing


def group_lengths(
    counts: Mapping[int, int], max_bars: int
) -> tuple[dict[int, int], int]:
    """Adds up the counts of neighbouring lengths until the bars are few enough.

    Args:
        counts: examples by token length.
        max_bars: int. The bars that fit.

    Returns:
        Examples by the last length of each bar, and the lengths in one bar.

    Example:
    >>> group_lengths({3: 1, 4: 2, 5: 4, 6: 8}, max_bars=2)
    ({3: 1, 6: 14}, 3)
    """
    # Lengths that were rounded up to a multiple of 8 keep bars of 8.
    step = math.gcd(*counts)
    bin_width = step * math.ceil(max(counts) / step / max_bars)
    bins: dict[int, int] = {}
    for length in sorted(counts):
        end = math.ceil(length / bin_width) * bin_width
        bins[end] = bins.get(end, 0) + counts[length]
    return bins, bin_width


def _three_digits(value: float) -> str:
    """0.82, 5.10, 15.6, 231: no more digits than a timing is worth."""
    return f"{value:.{max(0, 2 - max(0, math.floor(math.log10(value))))}f}"


def _bar(
    axes: Axes,
    start: float,
    width: float,
    height: float,
    part: str,
    gid: str,
    floor: float = 0.0,
) -> None:
    axes.add_patch(
        Rectangle(
            (start, floor), width, height, facecolor=light(part), linewidth=0, gid=gid
        )
    )
