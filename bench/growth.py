"""How time and memory grow with what ours is given, and where not in a line."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench.contestant import ContestantFailed
from bench.material import Material
from bench.workplace import Workplace
from bench.write_checkpoint import MINILM_SHAPE

# A training step of these sizes, of which one grows at a time.
_USUAL = {
    "length": 128,
    "batch": 8,
    "num_hidden_layers": 6,
    "hidden_size": 384,
}
AXES: dict[str, tuple[int, ...]] = {
    "length": (16, 32, 64, 128, 256, 512),
    "batch": (1, 2, 4, 8, 16, 32, 64),
    "num_hidden_layers": (1, 2, 4, 6, 8, 12),
    "hidden_size": (96, 192, 384, 768),
    "rows": (1_000, 10_000, 100_000, 1_000_000),
}
_HEAD_SIZE = 32
_DEADLINE_SECONDS = 1200.0
# Of repeated steps the least counts: what disturbs only makes it longer.
_REPEATS = 15
# An exponent this far from 1 between two neighbours is no line any more.
_TOLERANCE = 0.15


def measure_growth(
    workplace: Workplace,
    material: Material,
    say: Callable[[str], None],
    axes: dict[str, tuple[int, ...]] = AXES,
) -> list[dict[str, Any]]:
    """Measures a training step, and preparing records, at growing sizes.

    Every size is a process of its own, whose most memory is read at its end.

    Args:
        workplace, material: where, and with what.
        say: is told of each size.
        axes: what grows -> its sizes.

    Returns:
        For each axis `axis`, `points` (each with `size`, `seconds` and `memory_mb`,
        or a `note`), and what `describe_growth` says of the seconds.
    """
    growth = []
    for axis, sizes in axes.items():
        points = []
        for size in sizes:
            say(f"growth: {axis} {size}")
            points.append({"size": size, **_measure(workplace, material, axis, size)})
        done = [point for point in points if "seconds" in point]
        described = describe_growth(
            [point["size"] for point in done], [point["seconds"] for point in done]
        )
        growth.append({"axis": axis, "points": points, **described})
    return growth


def describe_growth(sizes: Sequence[float], seconds: Sequence[float]) -> dict[str, Any]:
    """Fits `seconds = a * size ^ exponent`, over all and between neighbours.

    Args:
        sizes: ascending.
        seconds: at each of them.

    Returns:
        `exponent`, by least squares of the logarithms (None below two sizes);
        `local_exponents`, between neighbours; and `departs`, for each of those that
        is not nearly 1 the two sizes and the exponent.
    """
    if len(sizes) < 2:
        return {"exponent": None, "local_exponents": [], "departs": []}
    x, y = np.log(sizes), np.log(seconds)
    local = (np.diff(y) / np.diff(x)).tolist()
    return {
        "exponent": float(np.polyfit(x, y, 1)[0]),
        "local_exponents": local,
        "departs": [
            {"from": sizes[index], "to": sizes[index + 1], "exponent": exponent}
            for index, exponent in enumerate(local)
            if abs(exponent - 1) > _TOLERANCE
        ],
    }


def _measure(workplace, material, axis, size):
    who = "ours, preparing" if axis == "rows" else "ours"
    entry = workplace.entries[who]
    given = _rows_given(material, size) if axis == "rows" else _step_given(axis, size)
    # What takes seconds is long enough to be measured once.
    repeats = 1 if axis == "rows" and size > 10_000 else _REPEATS
    try:
        with workplace.start(who) as contestant:
            contestant.ask(
                "prepare", _DEADLINE_SECONDS, given={**given, **entry.options}
            )
            if repeats > 1:
                contestant.ask("run", _DEADLINE_SECONDS, count=1)
            seconds = min(
                contestant.ask("run", _DEADLINE_SECONDS, count=1)["seconds"]
                for _ in range(repeats)
            )
            return {"seconds": seconds, "memory_mb": contestant.peak_memory_mb()}
    except ContestantFailed as failure:
        return {"note": str(failure)}


def _rows_given(material, size):
    return {
        "csv": material.csv(size),
        "rows": size,
        "encoder": material.encoder(),
        "max_length": 128,
    }


def _step_given(axis, size):
    sizes = _USUAL | {axis: size}
    hidden = sizes["hidden_size"]
    shape = MINILM_SHAPE | {
        "hidden_size": hidden,
        "intermediate_size": 4 * hidden,
        "num_attention_heads": hidden // _HEAD_SIZE,
        "num_hidden_layers": sizes["num_hidden_layers"],
    }
    return {
        "shape": shape,
        "batch": sizes["batch"],
        "length": sizes["length"],
        "dropout": 0.1,
    }
