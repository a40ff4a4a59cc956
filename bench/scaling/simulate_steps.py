"""Steps of N workers, message by message."""

import numpy as np

from bench.scaling.costs import Costs
from bench.scaling.network import Network
from bench.scaling.ring_all_reduce import ring_all_reduce_seconds
from bench.scaling.stragglers import draw_compute_seconds


def simulate_steps(
    costs: Costs,
    network: Network,
    num_workers: int,
    num_steps: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Plays steps without overlap, in which no worker waits for all, but for its
    neighbour in the ring alone.

    A worker sends its next piece when it has added what came from the neighbour
    before it. It updates its weights when the last piece is there, and goes on with
    its next step at once, without a barrier: in a ring a worker that is early can't
    get far.

    Args:
        costs: of a worker.
        network: between them.
        num_workers: int, 1 or more.
        num_steps: int, 1 or more.
        rng: draws the times that workers compute.

    Returns:
        float64 `(num_steps,)`. Seconds from the end of the step before, where a step
        ends when its last worker has updated.
    """
    hops = 2 * (num_workers - 1)
    # Each moves a piece of every pack on, and a part of the rows that are gathered.
    hop = ring_all_reduce_seconds(costs, network, num_workers) / max(1, hops)
    clock = np.zeros(num_workers)  # When each worker is done with what it does.
    ends = np.zeros(num_steps + 1)
    for step in range(num_steps):
        clock = clock + draw_compute_seconds(costs, (num_workers,), rng)
        for _ in range(hops):
            clock = np.maximum(clock, np.roll(clock, 1)) + hop
        clock = clock + costs.update_seconds
        ends[step + 1] = clock.max()
    return np.diff(ends)
