"""Ours and a peer in turn, so that a busy moment of the machine slows both alike."""

import dataclasses
import time
from typing import Any

from bench.contestant import Contestant

# After a turn: threads that wait for work spin for a while before they sleep
# (OpenMP's for 0.2 s), and would take the next one's cores.
PAUSE_SECONDS = 0.3
# Runs before the clock counts: buffers are made, code is compiled.
_WARM_UPS = 2
_MOST_RUNS = 2000


@dataclasses.dataclass(frozen=True)
class Turn:
    """What one contestant did in one turn."""

    amount: float
    seconds: float
    extras: dict[str, Any]
    # Processor time of the one that waited, as a share of the turn.
    idle_share: float


def warm_up(
    contestant: Contestant, turn_seconds: float, deadline_seconds: float
) -> int:
    """Runs a few times, and says how many runs make a turn.

    Args:
        contestant: prepared.
        turn_seconds: that a turn should take.
        deadline_seconds: the longest that it may take.

    Returns:
        1 or more.
    """
    seconds = 0.0
    for _ in range(_WARM_UPS):
        seconds = contestant.ask("run", deadline_seconds, count=1)["seconds"]
        if seconds > turn_seconds:
            break  # What takes a turn for one run is warm enough after it.
    return min(_MOST_RUNS, max(1, round(turn_seconds / max(seconds, 1e-6))))


def take_turns(
    ours: Contestant,
    theirs: Contestant,
    counts: tuple[int, int],
    rounds: int,
    deadline_seconds: float,
    patience: float | None = None,
) -> list[tuple[Turn, Turn]]:
    """Runs A B A B.

    Args:
        ours, theirs: prepared and warm.
        counts: runs in a turn of each.
        rounds: turns of each.
        deadline_seconds: of one turn.
        patience: how many times as long as ours a turn of theirs may take, or None.

    Returns:
        A pair a round: ours, and theirs.

    Raises:
        ContestantFailed: as soon as one of them can't go on.
    """
    pairs = []
    for _ in range(rounds):
        first = _turn(ours, theirs, counts[0], deadline_seconds)
        limit = deadline_seconds if patience is None else patience * first.seconds
        pairs.append((first, _turn(theirs, ours, counts[1], limit)))
    return pairs


def _turn(
    active: Contestant, idle: Contestant, count: int, deadline_seconds: float
) -> Turn:
    time.sleep(PAUSE_SECONDS)
    before = idle.cpu_seconds()
    answer = active.ask("run", deadline_seconds, count=count)
    spent = idle.cpu_seconds() - before
    return Turn(
        answer["amount"],
        answer["seconds"],
        answer.get("extras", {}),
        spent / max(answer["seconds"], 1e-9),
    )
