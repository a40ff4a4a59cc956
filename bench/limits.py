"""The machine's own limits: the most that any library gets out of it here."""

from typing import Any

from bench.contestant import ContestantFailed
from bench.workplace import Workplace

_WHO = ("kernels of ours", "kernels of the peers")
_DEADLINE_SECONDS = 120.0
UNITS = {
    "float32": "GFLOP/s",
    "bfloat16": "GFLOP/s",
    "int8": "GOP/s",
    "memory": "GB/s",
}


def measure_limits(workplace: Workplace, rounds: int) -> dict[str, dict[str, Any]]:
    """Measures matrix products in each precision, and memory bandwidth.

    Args:
        workplace: where.
        rounds: tries of each kernel, of which the best counts.

    Returns:
        "float32", "bfloat16", "int8" and "memory" -> `value`, `unit`, `kernel`,
        `rates` (of all kernels) and `notes` (what could not be measured).
    """
    limits = {}
    for kind, unit in UNITS.items():
        rates: dict[str, float] = {}
        notes = []
        for who in _WHO:
            try:
                with workplace.start(who) as contestant:
                    contestant.ask("prepare", _DEADLINE_SECONDS, given={"kind": kind})
                    answer = contestant.ask("run", _DEADLINE_SECONDS, count=rounds)
                    rates |= answer["extras"]["rates"]
            except ContestantFailed as failure:
                notes.append(str(failure))
        if rates:
            kernel = max(rates, key=lambda name: rates[name])
            limits[kind] = {
                "value": rates[kernel],
                "unit": unit,
                "kernel": kernel,
                "rates": rates,
                "notes": notes,
            }
    return limits
