"""From turns to what scale.json says: rates, the parts of a step, and costs."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench.ours.reduce_variants import NETWORK, NONE, TRAINING
from bench.ours.worker_steps import CHECKPOINT, TINY, UPDATE
from bench.scaling.costs import Costs
from bench.scaling.players import ONE, ONE_OF_TWICE, REDUCING, TWICE, bare, whole
from bench.scaling.sent_by_each import sent_by_each
from bench.scaling.split_step import split_step
from bench.take_turns import Turn

# Processor time of those that wait, as a share of a turn: above it, it is said.
_MOST_IDLE = 0.05
_SIZES = ("table_bytes", "slice_bytes", "other_bytes")


def measured(
    turns: Mapping[str, Sequence[Turn]],
    losses: Mapping[str, float],
    batch: int,
    num_workers: int,
    start_seconds: float,
) -> dict[str, Any]:
    """Sums up what was played.

    Args:
        turns: by the names that `bench.scaling.players` gives.
        losses: by variant, how far losses are from one process's.
        batch: examples of all workers in a step.
        num_workers: int, 2 or more.
        start_seconds: from starting the workers to the end of their first step.

    Returns:
        `rows`: for one process and for the workers with each variant the rate, and the
        ratio of the two in the same round; then both with twice the batch, so that
        each of two workers has all of what one process had. `split`: the parts of a
        step of each variant. `costs`: the fields of `Costs`, for one process as a
        worker.
    """
    return {
        "rows": [
            _row(ONE, turns[ONE], None, None),
            *(
                _row(
                    f"{num_workers} workers, {variant}",
                    turns[whole(variant)],
                    turns[ONE],
                    losses[variant],
                )
                for variant in REDUCING
            ),
            _row(ONE_OF_TWICE, turns[ONE_OF_TWICE], None, None),
            _row(
                f"{num_workers} workers, {TWICE}",
                turns[whole(TWICE)],
                turns[ONE_OF_TWICE],
                None,
            ),
        ],
        "split": [
            {"name": variant}
            | split_step(
                _slowest(turns[whole(variant)]),
                _by_worker(turns[whole(NONE)]),
                _slowest(turns[bare(variant)]),
            )
            for variant in REDUCING
        ],
        "costs": dataclasses.asdict(_costs(turns, batch, num_workers, start_seconds)),
    }


def _row(name, turns, those_of_one, difference):
    rates = [turn.amount / turn.seconds for turn in turns]
    ratios = []
    if those_of_one is not None:
        ratios = [
            rate / (turn.amount / turn.seconds)
            for rate, turn in zip(rates, those_of_one, strict=True)
        ]
    idle = max(turn.idle_share for turn in turns)
    return {
        "name": name,
        "examples_per_second": statistics.median(rates),
        "step_seconds": statistics.median(
            turn.seconds / turn.extras["count"] for turn in turns
        ),
        "ratio": statistics.median(ratios) if ratios else None,
        "ratio_least": min(ratios, default=None),
        "ratio_largest": max(ratios, default=None),
        "difference": difference,
        "note": f"those that waited used {idle:.0%} of a core"
        if idle > _MOST_IDLE
        else "",
    }


def _costs(turns, batch, num_workers, start_seconds):
    """One process is the worker of the model; what it sends was measured of several."""
    update = statistics.median(_slowest(turns[UPDATE]))
    steps = _slowest(turns[ONE])
    # Of the workers that were measured, and of the model's, which has all of the batch.
    theirs, sizes = (
        {name: extras["workers"][0][name] for name in _SIZES}
        for extras in (turns[whole(TRAINING)][0].extras, turns[ONE][0].extras)
    )
    message = statistics.median(_slowest(turns[TINY])) / (2 * (num_workers - 1))
    all_reduce = statistics.median(_slowest(turns[bare(NETWORK)]))
    messages, sent = sent_by_each(**theirs, num_workers=num_workers)
    per_byte = (all_reduce - messages * message) / sent
    checkpoints = [
        extras for turn in turns[CHECKPOINT] for extras in turn.extras["workers"]
    ]
    saving = [seconds for extras in checkpoints for seconds in extras["seconds"]]
    restoring = [seconds for extras in checkpoints for seconds in extras["restore"]]
    return Costs(
        examples=batch,
        compute_seconds=statistics.mean(steps) - update,
        deviation_seconds=statistics.stdev(steps),
        update_seconds=update,
        **sizes,
        copy_seconds_per_byte=max(0.0, per_byte),
        message_seconds=message,
        checkpoint_seconds=statistics.median(saving),
        restart_seconds=start_seconds + statistics.median(restoring),
    )


def _slowest(turns):
    """Seconds of each time that was done: those of the worker that took longest."""
    return [
        max(times)
        for turn in turns
        for times in zip(
            *(extras["seconds"] for extras in turn.extras["workers"]), strict=True
        )
    ]


def _by_worker(turns):
    """For each worker the seconds of each time."""
    num_workers = len(turns[0].extras["workers"])
    return [
        [
            seconds
            for turn in turns
            for seconds in turn.extras["workers"][index]["seconds"]
        ]
        for index in range(num_workers)
    ]
