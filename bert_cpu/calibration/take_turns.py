"""Times several ways of doing the same work, one after the other, again and again."""

import time
from collections.abc import Callable, Mapping

# Seconds, one number a case (such as a length): what one try of one way took.
Try = tuple[float, ...]

# The first run of a way makes its buffers, and is not counted.
_WARM_UPS = 1
# A steady median needs no more.
_MOST_ROUNDS = 60


def take_turns(
    ways: Mapping[str, Callable[[], Try]],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    most_rounds: int = _MOST_ROUNDS,
) -> dict[str, list[Try]]:
    """Runs every way once a round, so that a busy moment slows all of them.

    Each round begins with another way, so that none always follows the same one.

    Args:
        ways: name -> does the work once and says how long each case took.
        seconds: after which no further round begins.
        clock: seconds that pass.
        most_rounds: after which it ends before that.

    Returns:
        name -> its tries, one a round: the nth of each were of the same round. Only
        whole rounds count.
    """
    end = clock() + seconds
    tries: dict[str, list[Try]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(-_WARM_UPS, most_rounds):
        first = number % len(names)
        taken = {name: ways[name]() for name in names[first:] + names[:first]}
        if number >= 0:
            for name, each in taken.items():
                tries[name].append(each)
        if clock() >= end:
            break
    return tries
