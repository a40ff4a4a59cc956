"""A map: pairs of texts as points in a plane, near where their vectors are."""

import math
from typing import Any

from bert_cpu.report.drawing import HALF_HEIGHT, HALF_WIDTH, SMALL, Drawing
from bert_cpu.report.palette import light

# Pairs whose first text stands beside its point; more would run into each other.
_NUM_NAMED = 6


def draw_map(pairs: list[dict[str, Any]]) -> Drawing | None:
    """Draws each pair's first text in one colour, its second in another.

    Args:
        pairs: dicts of `texts`, two str, and `places`, two times `[x, y]`. What is
            not such a pair is left out.

    Returns:
        Drawing, or None without pairs.
    """
    fitting = [pair for pair in pairs if _fits(pair)]
    if not fitting:
        return None
    drawing = Drawing("map", HALF_WIDTH, HALF_HEIGHT)
    axes = drawing.axes(left=10, top=10, right=10, bottom=10)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines["bottom"].set_visible(False)
    for pair in fitting:
        axes.plot(*zip(*pair["places"], strict=True), color=light("line"), linewidth=1)
    for side, colour in enumerate(("first", "second")):
        axes.plot(
            *zip(*(pair["places"][side] for pair in fitting), strict=True),
            color=light(colour),
            linestyle="none",
            marker="o",
            markersize=4,
            gid=f"{colour}-texts",
        )
    axes.margins(0.08)
    left, right = axes.get_xlim()
    for pair in _spread(fitting):
        x, y = pair["places"][0]
        is_left = x < (left + right) / 2
        axes.annotate(
            drawing.words(pair["texts"][0]),
            (x, y),
            (6 if is_left else -6, 0),
            textcoords="offset points",
            ha="left" if is_left else "right",
            va="center",
            fontsize=SMALL,
            color=light("ink"),
        )
    return drawing


def _spread(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Some pairs from top to bottom, so that what is written stays apart."""
    by_height = sorted(pairs, key=lambda pair: pair["places"][0][1])
    least = (by_height[-1]["places"][0][1] - by_height[0]["places"][0][1]) / _NUM_NAMED
    spread = by_height[:1]
    for pair in by_height[1:]:
        if pair["places"][0][1] - spread[-1]["places"][0][1] >= max(least, 1e-9):
            spread.append(pair)
    return spread


def _fits(pair: dict[str, Any]) -> bool:
    texts, places = pair.get("texts"), pair.get("places")
    return (
        isinstance(texts, list)
        and [type(text) for text in texts] == [str, str]
        and isinstance(places, list)
        and [len(place) for place in places if isinstance(place, list)] == [2, 2]
        and len(places) == 2
        and all(
            isinstance(number, int | float) and math.isfinite(number)
            for place in places
            for number in place
        )
    )
