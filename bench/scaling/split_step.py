"""What a step of several workers is made of, from steps with and without all-reduce."""

from collections.abc import Sequence

import numpy as np


def split_step(
    whole: Sequence[float],
    without: Sequence[Sequence[float]],
    bare: Sequence[float],
) -> dict[str, float]:
    """Splits the mean step into computing, waiting and all-reduce.

    All workers compute at once in each of the three, so that they share caches and
    memory as they do in training. Steps without all-reduce tell how long each
    computes; the slowest of each step, how long the others would wait for it. What
    the whole step takes beyond these two is all-reduce that was not hidden behind
    computing. It may come out below 0 where all of it was, and by chance.

    Args:
        whole: seconds of each step as it is in training.
        without: for each worker the seconds of each step without all-reduce.
        bare: seconds of each all-reduce of the same tensors with nothing to compute.

    Returns:
        `compute` (with the update), `waiting`, `all_reduce`, which add up to `whole`;
        and `bare`. Means, in seconds.
    """
    length = min(map(len, without))
    steps = np.array([worker[:length] for worker in without])  # (workers, steps)
    compute = float(steps.mean())
    waiting = float(steps.max(axis=0).mean()) - compute
    mean = float(np.mean(whole))
    return {
        "compute": compute,
        "waiting": waiting,
        "all_reduce": mean - compute - waiting,
        "whole": mean,
        "bare": float(np.mean(bare)),
    }
