"""One thing that is raced: the same work, given to ours and to each peer."""

import dataclasses
from collections.abc import Mapping
from typing import Any

# Of these, more is better; of times and memory, less is.
_MORE_IS_BETTER = ("tokens/s", "examples/s", "texts/s", "accuracy")


@dataclasses.dataclass(frozen=True)
class Case:
    """What is to be done, who does it, and what comes of it.

    Args:
        job: as `bench.json` and the option `--only` name it.
        name: the case within the job, with the sizes that matter.
        unit: "tokens/s", "examples/s", "texts/s", "ms" or "s".
        ours: our contestant's name in `bench.contestants`.
        peers: theirs.
        given: what every contestant is given, as JSON can hold it.
        goal: the ratio to reach against the fastest peer, or None.
        work: floating-point operations for one of what `unit` counts (for a time:
            for one run), with the bytes that must be read for it; or None where a
            processor's peak is no limit.
        limit: a contestant that does the part that nobody can do without, in place
            of `work`; or None.
        accuracy_margin: how far ours may be below a peer's accuracy, in [0, 1].
        turn_seconds: about how long one turn takes; one run at least.
        deadline_seconds: the longest that any answer of a contestant may take.
        patience: for what takes minutes. It runs once a turn and not before the first,
            there are `--long-rounds` turns, and a peer is stopped after so many times
            as long as ours took. Or None.
    """

    job: str
    name: str
    unit: str
    ours: str
    peers: tuple[str, ...]
    given: Mapping[str, Any]
    goal: float | None = None
    work: tuple[float, float] | None = None
    limit: str | None = None
    accuracy_margin: float = 0.005
    turn_seconds: float = 3.0
    deadline_seconds: float = 600.0
    patience: float | None = None

    @property
    def key(self) -> str:
        """What tells this case from all others."""
        return f"{self.job} | {self.name}"


def value_of(unit: str, amount: float, seconds: float) -> float:
    """What a turn came to, in its unit.

    Args:
        unit: of `Case`.
        amount: how many tokens, texts or runs were done.
        seconds: that they took.
    """
    if unit in _MORE_IS_BETTER:
        return amount / seconds
    return {"ms": 1000.0, "s": 1.0}[unit] * seconds / amount


def ratio_of(unit: str, ours: float, theirs: float) -> float:
    """How many times better ours is: above 1, we are ahead."""
    return ours / theirs if unit in _MORE_IS_BETTER else theirs / ours
