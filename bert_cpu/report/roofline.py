"""What limits each operation: arithmetic, or memory."""

from collections.abc import Mapping, Sequence

from matplotlib.ticker import FuncFormatter, NullFormatter

from bert_cpu.report.drawing import SMALL, Drawing
from bert_cpu.report.palette import SERIES, light

_WIDTH, _HEIGHT = 860, 400
# Pixels by which names hang below their marks. Those of near neighbours, on the flat
# of a roof or up its slope, would lie on each other otherwise.
_DROPS = (-22, -37, -59, -95)


def draw_roofline(
    peaks: Mapping[str, float],
    bandwidth: float,
    operations: Sequence[tuple[str, float]],
    measured: Sequence[tuple[str, float, float]] = (),
) -> Drawing:
    """Roofs over operations: how fast each can be at most, and how fast it was.

    An operation under the slope waits for memory, and under the flat part of a roof
    for arithmetic.

    Args:
        peaks: name of a roof (such as "float32") to operations a second.
        bandwidth: bytes a second.
        operations: name and intensity (operations a byte) of each, marked on the
            axis and on the lowest roof.
        measured: name, intensity and operations a second of what was run.

    Raises:
        ValueError: if a peak, the bandwidth or an intensity is not over 0.
    """
    places = [place for _, place in operations] + [place for _, place, _ in measured]
    if min(*peaks.values(), bandwidth, *places) <= 0:
        raise ValueError("Peaks, bandwidth and intensities must be over 0.")
    ridge = max(peaks.values()) / bandwidth
    lowest = min(*places, ridge) / 2
    highest = max(*places, ridge) * 4
    drawing = Drawing("roofline", _WIDTH, _HEIGHT)
    axes = drawing.axes(left=70, top=20, right=110, bottom=48)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(lowest, highest)
    for part, (name, peak) in zip(SERIES, peaks.items(), strict=False):
        corner = peak / bandwidth
        axes.plot(
            [lowest, corner, highest],
            [lowest * bandwidth, peak, peak],
            color=light(part),
            linewidth=2,
            gid=f"roof-{name}",
        )
        axes.annotate(
            name,
            (highest, peak),
            (6, -4),
            textcoords="offset points",
            fontsize=SMALL,
            color=light(part),
            annotation_clip=False,
        )
    roof = min(peaks.values())
    for rank, (name, intensity) in enumerate(sorted(operations, key=lambda o: o[1])):
        bound = min(roof, intensity * bandwidth)
        axes.plot([intensity], [bound], "o", color=light("ink"), gid=f"bound-{name}")
        axes.annotate(
            name,
            (intensity, bound),
            (4, _DROPS[rank % len(_DROPS)]),
            textcoords="offset points",
            fontsize=SMALL - 1,
            color=light("muted"),
            arrowprops={"arrowstyle": "-", "color": light("line")},
        )
    for name, intensity, rate in measured:
        axes.plot([intensity], [rate], "D", color=light("third"), gid=f"ran-{name}")
        axes.annotate(
            name,
            (intensity, rate),
            (7, -4),
            textcoords="offset points",
            fontsize=SMALL,
            color=light("third"),
        )
    least = min(lowest * bandwidth, *peaks.values(), *(rate for _, _, rate in measured))
    axes.set_ylim(bottom=least / 8, top=max(peaks.values()) * 3)
    # Else a short axis names all that lies between powers of ten, in another form.
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y / 1e9:g}"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.set_xlabel("operations for each byte", fontsize=SMALL, color=light("muted"))
    axes.set_ylabel("GFLOP a second", fontsize=SMALL, color=light("muted"), labelpad=4)
    return drawing
