"""Several ways to work, in turn, round after round."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from bench.scaling.team import Team
from bench.take_turns import PAUSE_SECONDS, Turn, warm_up


@dataclasses.dataclass(frozen=True)
class Player:
    """A team that works in one way, to be asked as a contestant is.

    Args:
        team: prepared.
        how: is given to it with all that is asked.
    """

    team: Team
    how: Mapping[str, Any]

    def ask(self, what: str, deadline_seconds: float, **details: Any) -> dict[str, Any]:
        return self.team.ask(what, deadline_seconds, how=dict(self.how), **details)


def play_rounds(
    players: Mapping[str, Player],
    rounds: int,
    turn_seconds: float,
    deadline_seconds: float,
) -> dict[str, list[Turn]]:
    """Runs A B C A B C, so that a busy moment of the machine slows all alike.

    Args:
        players: by name; those of a team share its processes.
        rounds: turns of each.
        turn_seconds: about how long one takes; one run at least.
        deadline_seconds: of one turn.

    Returns:
        By name, the turns of each, in the order of rounds. `idle_share` is processor
        time of teams that waited.

    Raises:
        ContestantFailed: as soon as one can't go on.
    """
    counts = {
        name: warm_up(player, turn_seconds, deadline_seconds)
        for name, player in players.items()
    }
    teams = {id(player.team): player.team for player in players.values()}
    turns: dict[str, list[Turn]] = {name: [] for name in players}
    for _ in range(rounds):
        for name, player in players.items():
            time.sleep(PAUSE_SECONDS)
            idle = [team for team in teams.values() if team is not player.team]
            before = sum(team.cpu_seconds() for team in idle)
            answer = player.ask("run", deadline_seconds, count=counts[name])
            spent = sum(team.cpu_seconds() for team in idle) - before
            turns[name].append(
                Turn(
                    answer["amount"],
                    answer["seconds"],
                    {"workers": answer["extras"], "count": counts[name]},
                    spent / max(answer["seconds"], 1e-9),
                )
            )
    return turns
