"""How long a step of N workers takes, and what it is made of."""

import dataclasses

from bench.scaling.costs import Costs
from bench.scaling.network import Network
from bench.scaling.ring_all_reduce import ring_all_reduce_seconds
from bench.scaling.stragglers import expected_slowest_seconds


@dataclasses.dataclass(frozen=True)
class StepTime:
    """The parts of a step, in seconds; they add up to it."""

    compute: float
    waiting: float  # For the slowest worker.
    all_reduce: float  # As far as computing does not go on meanwhile.
    update: float

    @property
    def total(self) -> float:
        return self.compute + self.waiting + self.all_reduce + self.update


def step_time(
    costs: Costs, network: Network, num_workers: int, overlap: float = 0.0
) -> StepTime:
    """The mean time of a step, by the formulae.

    Args:
        costs: of a worker, whose batch stays the same however many there are.
        network: between them.
        num_workers: int, 1 or more.
        overlap: the share of computing, in [0, 1], during which gradients that are
            ready are summed already. Backward takes about two thirds of it.
    """
    slowest = expected_slowest_seconds(costs, num_workers)
    hidden = overlap * costs.compute_seconds
    all_reduce = ring_all_reduce_seconds(costs, network, num_workers)
    return StepTime(
        compute=costs.compute_seconds,
        waiting=slowest - costs.compute_seconds,
        all_reduce=max(0.0, all_reduce - hidden),
        update=costs.update_seconds,
    )


def efficiency(
    costs: Costs, network: Network, num_workers: int, overlap: float = 0.0
) -> float:
    """The examples a second of N workers over N times those of one, in [0, 1]."""
    alone = step_time(costs, network, 1)
    return alone.total / step_time(costs, network, num_workers, overlap).total
