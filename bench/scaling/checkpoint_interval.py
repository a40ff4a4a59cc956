"""How often to write a checkpoint, and what failures cost then."""

import math

from bench.scaling.costs import Costs


def young_daly_seconds(costs: Costs, mtbf_seconds: float, num_workers: int) -> float:
    """Seconds of work between two checkpoints that lose the least: sqrt(2 C M).

    C is what a checkpoint costs and M the mean time between failures of the whole run,
    which is that of a worker divided by their number: one that fails stops them all.

    Args:
        costs: of a worker.
        mtbf_seconds: mean time between failures of one worker.
        num_workers: int, 1 or more.

    References: Young 1974, "A first order approximation to the optimum checkpoint
    interval", https://doi.org/10.1145/361147.361115; Daly 2006, "A higher order
    estimate of the optimum checkpoint interval for restart dumps",
    https://doi.org/10.1016/j.future.2004.11.016.
    """
    return math.sqrt(2 * costs.checkpoint_seconds * mtbf_seconds / num_workers)


def share_of_work(
    costs: Costs, mtbf_seconds: float, num_workers: int, interval_seconds: float
) -> float:
    """The share of time, in [0, 1], that goes into steps which are not lost.

    For failures that come at any moment alike (exponential times between them), also
    while a checkpoint is written and while workers start again, a piece of work of
    length t with its checkpoint takes M exp(R / M) (exp((t + C) / M) - 1) on average.

    Args:
        costs, mtbf_seconds, num_workers: see `young_daly_seconds`.
        interval_seconds: of work between two checkpoints, more than 0.

    Reference: Daly 2006, equation 20, https://doi.org/10.1016/j.future.2004.11.016.
    """
    mean = mtbf_seconds / num_workers
    piece = interval_seconds + costs.checkpoint_seconds
    if (piece + costs.restart_seconds) / mean > 500:
        return 0.0  # Never done; and exp would overflow.
    grown = math.exp(costs.restart_seconds / mean)
    return interval_seconds / (mean * grown * math.expm1(piece / mean))
