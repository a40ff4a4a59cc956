"""What is measured: whole steps, and their parts alone, in every variant."""

from typing import Any

from bench.ours.reduce_variants import NETWORK, NONE, TRAINING, VARIANTS
from bench.ours.worker_steps import BARE, CHECKPOINT, STEP, TINY, UPDATE
from bench.scaling.rounds import Player
from bench.scaling.team import Team

DEADLINE_SECONDS = 600.0
FIRST_STEP = {"work": STEP, "variant": TRAINING}
# Names of what is played.
ONE = "one process"
TWICE = "twice the batch"
ONE_OF_TWICE = f"{ONE}, {TWICE}"
REDUCING = tuple(variant for variant in VARIANTS if variant != NONE)


def cast(one: Team, many: Team) -> dict[str, Player]:
    """All players by name; those of one round follow each other in this order."""
    players = {ONE: Player(one, FIRST_STEP)}
    for variant in VARIANTS:
        players[whole(variant)] = Player(many, {"work": STEP, "variant": variant})
    for variant in REDUCING:
        players[bare(variant)] = Player(many, {"work": BARE, "variant": variant})
    twice = {"work": STEP, "variant": TRAINING, "times": 2}
    players[ONE_OF_TWICE] = Player(one, twice)
    players[whole(TWICE)] = Player(many, twice)
    players[TINY] = Player(many, {"work": TINY, "variant": NETWORK})
    players[UPDATE] = Player(one, {"work": UPDATE})
    players[CHECKPOINT] = Player(one, {"work": CHECKPOINT})
    return players


def whole(variant: str) -> str:
    """The name of steps with a variant of all-reduce."""
    return f"{STEP}, {variant}"


def bare(variant: str) -> str:
    """The name of that all-reduce alone."""
    return f"{BARE}, {variant}"


def compare_losses(one: Team, many: Team) -> dict[str, float]:
    """The largest difference of a loss from that of one process, for each variant.

    Raises:
        ContestantFailed: if a process can't go on.
    """

    def losses(team: Team, variant: str) -> list[Any]:
        answer = team.ask("check", DEADLINE_SECONDS, how={"variant": variant})
        return answer["results"][0]["losses"]

    expected = losses(one, TRAINING)
    return {
        variant: max(
            abs(ours - theirs)
            for ours, theirs in zip(losses(many, variant), expected, strict=True)
        )
        for variant in REDUCING
    }
