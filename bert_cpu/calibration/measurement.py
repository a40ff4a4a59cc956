"""One line of a profile's table of measurements."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bert_cpu.calibration.take_turns import Try


def measurement_rows(
    what: str, tries: Mapping[str, Sequence[Try]]
) -> list[dict[str, Any]]:
    """What each way took: `what`, `candidate`, `rounds`, and ms a try.

    Args:
        what: was done.
        tries: as `take_turns` returns them.
    """
    rows = []
    for name, taken in tries.items():
        if not taken:
            continue
        totals = [1000 * sum(each) for each in taken]
        low, median, high = (
            statistics.quantiles(totals, n=4) if len(totals) > 1 else totals * 3
        )
        figures = {"median": median, "low": low, "high": high}
        rows.append(
            {"what": what, "candidate": name, "rounds": len(totals)}
            | {key: round(value, 4) for key, value in figures.items()}
        )
    return rows
