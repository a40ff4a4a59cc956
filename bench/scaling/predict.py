"""What the model says of many workers, by its formulae and by playing it."""

from typing import Any

import numpy as np

from bench.scaling.checkpoint_interval import share_of_work, young_daly_seconds
from bench.scaling.costs import Costs
from bench.scaling.network import NETWORKS
from bench.scaling.simulate_failures import simulate_failures
from bench.scaling.simulate_steps import simulate_steps
from bench.scaling.step_time import step_time

COUNTS = tuple(2**power for power in range(11))  # 1 to 1,024 workers
_PLAYED_COUNTS = (1, 4, 16, 64, 256, 1024)
_DAY = 86_400.0
# Between failures of one worker: a machine that is lent by the hour, a common one,
# and a good one. They are assumed, not measured.
MTBF_DAYS = (1, 30, 365)
_FAILING_COUNTS = (1, 32, 1024)
_CURVE_MTBF_DAYS, _CURVE_COUNT = 30, 1024
_CURVE_FACTORS = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.5, 5.0, 10.0)
# A run's length, so many times the mean time between its failures.
_FAILURES = 2000


def predict(costs: Costs, seed: int = 0, played_steps: int = 100) -> dict[str, Any]:
    """Predicts steps and failures of 1 to 1,024 workers.

    Args:
        costs: that were measured.
        seed: int. Two predictions with one seed are the same.
        played_steps: int. Of each size that is played.

    Returns:
        `alone`, seconds of one worker's step; `steps`, for each network and count its
        `gigabits`, `workers`, `parts` and `seconds`, and `played` seconds (None where
        it was not); `failures`, for each mean time between failures and count its
        `days`, `workers`, `interval` and `share`, and the `played` share; and `curve`,
        the `points` of one of them by `interval`, with its `workers` and `days`.
    """
    rng = np.random.default_rng(seed)
    return {
        "alone": step_time(costs, NETWORKS[0], 1).total,
        "steps": [
            _step(costs, network, count, played_steps, rng)
            for network in NETWORKS
            for count in COUNTS
        ],
        "failures": [
            _with_failures(costs, days, count, 1.0, rng)
            for days in MTBF_DAYS
            for count in _FAILING_COUNTS
        ],
        "curve": {
            "workers": _CURVE_COUNT,
            "days": _CURVE_MTBF_DAYS,
            "points": [
                _with_failures(costs, _CURVE_MTBF_DAYS, _CURVE_COUNT, factor, rng)
                for factor in _CURVE_FACTORS
            ],
        },
    }


def _step(costs, network, count, num_steps, rng):
    parts = step_time(costs, network, count)
    played = None
    if count in _PLAYED_COUNTS:
        played = float(simulate_steps(costs, network, count, num_steps, rng).mean())
    return {
        "gigabits": network.gigabits,
        "workers": count,
        "parts": parts,
        "seconds": parts.total,
        "played": played,
    }


def _with_failures(costs, days, count, factor, rng):
    """At an interval of `factor` times that of Young and Daly."""
    mtbf = days * _DAY
    interval = factor * young_daly_seconds(costs, mtbf, count)
    share = share_of_work(costs, mtbf, count, interval)
    played = None
    # What hardly gets on would be played for ever.
    if share > 0.05:
        work = max(_FAILURES * mtbf / count * share, interval)
        seconds = simulate_failures(costs, mtbf, count, interval, work, rng)
        played = np.ceil(work / interval) * interval / seconds
    return {
        "days": days,
        "workers": count,
        "interval": interval,
        "share": share,
        "played": played,
    }
