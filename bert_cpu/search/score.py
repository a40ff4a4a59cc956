"""What a trial is worth: its metric, or that of a converted model within limits."""

from collections.abc import Mapping, Sequence
from typing import Any

# Under any metric, none of which goes below -1.
_OUTSIDE = -1.0


def score(
    result: Mapping[str, Any],
    objective: str,
    max_latency_ms: float | None,
    max_size_mb: float | None,
) -> tuple[float, str | None]:
    """The number that the search wants more of (of `loss`, less).

    A model that no variant of is within the limits scores under every one that is,
    and lower the farther it is outside, so that the search knows which way to go.

    Args:
        result: of a trial: `metrics`, and `converted` if there are limits.
        objective: name of the metric.
        max_latency_ms, max_size_mb: limits, or None.

    Returns:
        The score, and the name of the converted variant that it is of. None without
        limits, or if no variant is within them.
    """
    if max_latency_ms is None and max_size_mb is None:
        return float(result["metrics"][objective]), None
    variants: Sequence[Mapping[str, Any]] = result["converted"]
    excess = {
        variant["name"]: max(
            variant["latency_ms"] / max_latency_ms if max_latency_ms else 0.0,
            variant["size_mb"] / max_size_mb if max_size_mb else 0.0,
        )
        for variant in variants
    }
    good = [variant for variant in variants if excess[variant["name"]] <= 1.0]
    if not good:
        return _OUTSIDE - (min(excess.values()) - 1.0), None
    # The first is float32: of two that are as right, the one that was trained.
    best = max(good, key=lambda variant: variant[objective])
    return float(best[objective]), best["name"]
