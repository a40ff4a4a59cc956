"""How near to what the machine can do at all."""

from typing import Any

from bench.case import Case


def share_of_limit(
    case: Case,
    value: float,
    precision: str,
    limits: dict[str, Any],
    limit_value: float | None,
) -> tuple[float | None, str | None]:
    """The share that ours reaches of the limit that is nearest to it.

    The work takes at least as long as its operations at the matrix products' peak,
    and as its bytes at the memory's bandwidth: the "roofline" (Williams et al. 2009,
    https://doi.org/10.1145/1498765.1498785).

    Args:
        case: its `work` or its `limit`.
        value: ours, in the case's unit.
        precision: of our products, which tells whose peak counts.
        limits: from `measure_limits`.
        limit_value: amount a second of `case.limit`, or None.

    Returns:
        A share in [0, 1] (above 1 where a limit was measured too low), and the
        limit's name; None where no limit is known.
    """
    seconds = {"ms": value / 1000.0, "s": value}.get(case.unit)
    if seconds is None:
        seconds = 1.0 / value
    if limit_value is not None:
        return 1.0 / limit_value / seconds, case.limit
    if case.work is None:
        return None, None
    operations, num_bytes = case.work
    bounds = {}
    if precision in limits:
        peak = limits[precision]["value"] * 1e9
        bounds[f"{precision} products"] = operations / peak
    if "memory" in limits:
        bounds["memory bandwidth"] = num_bytes / (limits["memory"]["value"] * 1e9)
    bounds = {name: least for name, least in bounds.items() if least > 0}
    if not bounds:
        return None, None
    name = max(bounds, key=lambda each: bounds[each])
    return bounds[name] / seconds, name
