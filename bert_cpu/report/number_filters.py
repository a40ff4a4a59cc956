"""How the page shows numbers: rounded for the reader, exact for a program.

Each function here is a filter of the template. It takes a number, or whatever a
damaged or unfinished file has in its place, which shows as a dash. The exact
value stays in the page as the `value` of a `<data>` element.
"""

import math
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

MISSING = "–"


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


def _duration(seconds: float) -> str:
    """264.2 as '4 min 24 s'.

    Args:
        seconds: finite, 0 or more.
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _memory(megabytes: float) -> str:
    """1843 as '1.84 GB'.

    Args:
        megabytes: finite, 0 or more.
    """
    if megabytes < 1000:
        return f"{megabytes:.0f} MB"
    return f"{megabytes / 1000:.2f} GB"


def scientific(value: float) -> str:
    """5e-05 as '5e-5', 0.25 as '0.25': two digits, and no zeros to count."""
    return f"{value:.2g}".replace("e-0", "e-")


def _shown(show: Callable[..., str]) -> Callable[..., Markup]:
    def as_data(value: Any, *options: Any) -> Markup:
        if not _is_number(value):
            return Markup(MISSING)
        return Markup('<data value="{}">{}</data>').format(value, show(value, *options))

    return as_data


def _share(value: Any) -> str:
    """A number for a style sheet: anything else must not get into one."""
    return f"{min(max(value, 0), 1):.4f}" if _is_number(value) else "0"


NUMBER_FILTERS: dict[str, Callable[..., str]] = {
    "count": _shown(lambda value: f"{value:,.0f}"),
    "duration": _shown(_duration),
    "fixed": _shown(lambda value, digits: f"{value:.{digits}f}"),
    "memory": _shown(_memory),
    "percent": _shown(lambda value: f"{value * 100:.1f} %"),
    "plain": _shown(str),
    "share": _share,
    "scientific": _shown(scientific),
}
