"""The machine's own limits: the most that any library gets out of it here."""

from typing import Any

from bench.contestant import Contestant, ContestantFailed
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

    Libraries are imported once for all of it, as that takes longer than measuring;
    and again behind a kernel that failed.

    Args:
        workplace: where.
        rounds: tries of each kernel, of which the best counts.

    Returns:
        "float32", "bfloat16", "int8" and "memory" -> `value`, `unit`, `kernel`,
        `rates` (of all kernels) and `notes` (what could not be measured).
    """
    rates: dict[str, dict[str, float]] = {kind: {} for kind in UNITS}
    notes: dict[str, list[str]] = {kind: [] for kind in UNITS}
    for who in _WHO:
        left = list(UNITS)
        while left:
            with workplace.start(who) as contestant:
                try:
                    while left:
                        kind = left.pop(0)
                        rates[kind] |= _rates(contestant, kind, rounds)
                except ContestantFailed as failure:
                    notes[kind].append(str(failure))
    limits = {}
    for kind, found in rates.items():
        if found:
            kernel = max(found, key=lambda name: found[name])
            limits[kind] = {
                "value": found[kernel],
                "unit": UNITS[kind],
                "kernel": kernel,
                "rates": found,
                "notes": notes[kind],
            }
    return limits


def _rates(contestant: Contestant, kind: str, rounds: int) -> dict[str, float]:
    contestant.ask("prepare", _DEADLINE_SECONDS, given={"kind": kind})
    answer = contestant.ask("run", _DEADLINE_SECONDS, count=rounds)
    return answer["extras"]["rates"]
