"""What `sweep.json` says of the trials that have ended."""

import pathlib
from typing import Any

from bert_cpu.search.importance import importance
from bert_cpu.search.sweep_directory import read_sweep, read_trials, save_sweep


def update_summary(
    directory: pathlib.Path, objective: str, seconds: float, has_limits: bool
) -> dict[str, Any]:
    """Writes the trials of a sweep, the best and each setting's importance.

    Args:
        directory: of the sweep.
        objective: name of the metric.
        seconds: that the trials have taken, in all parts of the sweep.
        has_limits: bool. Only a trial whose converted model is within the limits can
            be the best.

    Returns:
        What `sweep.json` holds now.
    """
    trials = read_trials(directory)
    scored = [trial for trial in trials if trial["score"] is not None]
    # A score under the limits' is none of the metric, and would explain only that.
    sound = [trial for trial in scored if not has_limits or trial["variant"]]
    # The first of equals: it was found with less luck.
    choose = min if objective == "loss" else max
    best = choose(sound, key=lambda trial: trial["score"], default=None)
    content = {
        **read_sweep(directory),
        "objective": objective,
        "seconds": seconds,
        "trials": trials,
        "best": best and best["id"],
        "importance": importance(
            [trial["values"] for trial in sound], [trial["score"] for trial in sound]
        ),
    }
    save_sweep(directory, content)
    return content
