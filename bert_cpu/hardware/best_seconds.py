"""How long something takes when nothing disturbs it."""

import time
from collections.abc import Callable


def best_seconds(
    run: Callable[[], object], num_tries: int = 20, most_seconds: float = 2.0
) -> float:
    """The shortest of several times; the first call only warms up.

    What else a computer does can only make a run slower, so that the shortest time
    is nearest to what the work itself takes.

    Args:
        run: does the work once, and returns when it is done.
        num_tries: calls that are timed.
        most_seconds: no further call begins after this time, beside the first.
    """
    run()
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < num_tries and (
        not times or time.perf_counter() - start < most_seconds
    ):
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return min(times)
