"""How long workers compute: most about as long as the others, some longer."""

import numpy as np

from bench.scaling.costs import Costs


def expected_slowest_seconds(costs: Costs, num_workers: int) -> float:
    """Seconds that the slowest of N workers computes, on average.

    A worker's time is taken for a least time plus an exponential one, so that its mean
    and its standard deviation s are those that were measured. Of N exponential times
    with mean s the largest is s (1 + 1/2 + ... + 1/N) on average, which grows with the
    logarithm of N.

    References: Rényi 1953, "On the theory of order statistics",
    https://doi.org/10.1007/BF02127580; Lee et al. 2015, "Speeding up distributed
    machine learning using codes", https://arxiv.org/abs/1512.02673, for times of
    workers as shifted exponentials.
    """
    harmonic = float(np.sum(1.0 / np.arange(1, num_workers + 1)))
    return costs.compute_seconds + costs.deviation_seconds * (harmonic - 1)


def draw_compute_seconds(
    costs: Costs, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    """Times of steps as `expected_slowest_seconds` takes them to be, float64."""
    least = costs.compute_seconds - costs.deviation_seconds
    return least + costs.deviation_seconds * rng.standard_exponential(shape)
