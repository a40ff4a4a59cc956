"""A run whose workers fail, each by a clock of its own."""

import numpy as np

from bench.scaling.costs import Costs


def simulate_failures(
    costs: Costs,
    mtbf_seconds: float,
    num_workers: int,
    interval_seconds: float,
    work_seconds: float,
    rng: np.random.Generator,
) -> float:
    """Plays a run until its work is done.

    After `interval_seconds` of work a checkpoint is written. Any worker that fails
    stops all; they start again, which takes `restart_seconds` if none fails meanwhile,
    and work is done again from the last checkpoint that was whole.

    Args:
        costs, mtbf_seconds, num_workers: see `young_daly_seconds`.
        interval_seconds: of work between two checkpoints.
        work_seconds: that the run would take without checkpoints and failures. It is
            rounded up to whole intervals.
        rng: draws when workers fail.

    Returns:
        Seconds that the run takes.

    Raises:
        ValueError: if it is not done after 1,000 times its work: with these failures
            it never would be.
    """
    piece = interval_seconds + costs.checkpoint_seconds
    pieces_left = int(np.ceil(work_seconds / interval_seconds))
    patience = 1e3 * work_seconds
    fails_at = rng.exponential(mtbf_seconds, num_workers)
    now = 0.0
    while now < patience:
        failing = int(np.argmin(fails_at))
        done = int((fails_at[failing] - now) // piece)
        if done >= pieces_left:
            return now + pieces_left * piece
        pieces_left -= max(0, done)
        # Starting again is over before `now` is: a failure before then begins it anew.
        now = fails_at[failing] + costs.restart_seconds
        fails_at[failing] += rng.exponential(mtbf_seconds)
    raise ValueError(
        f"{work_seconds:.3g} s of work are not done after {patience:.3g} s: a failure "
        f"every {mtbf_seconds / num_workers:.3g} s comes before a checkpoint does."
    )
