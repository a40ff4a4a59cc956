"""Which converted variant to keep: how right and how fast each one is here."""

import dataclasses
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bert_cpu.errors import UserError
from bert_cpu.report.spoken import spoken
from bert_cpu.runtime.answered import Answered
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.runtime.run_windows import run_windows
from bert_cpu.task import Outputs, Task

# The most that int8 may lose of the metric, which goes from 0 to 1.
MAX_LOSS = 0.005


@dataclasses.dataclass(frozen=True)
class Compared:
    """What a variant comes to on the whole test split."""

    measured: dict[str, Any]  # As the task's `measure` returns it.
    # The farthest that an output is from the trained model's.
    max_abs_difference: float


def compare(
    models: Mapping[str, BucketedInterpreter],
    task: Task,
    labels: Sequence[str],
    answered: Iterable[Answered],
) -> tuple[dict[str, Any], dict[str, Compared]]:
    """Runs every variant on every example.

    Args:
        models: variant -> its interpreter.
        task: that they were trained for.
        labels: as `Task.answer` takes them.
        answered: the examples, each with the trained model's outputs and answer.

    Returns:
        What the trained model's answers measure, and each variant's.

    Raises:
        UserError: if there are no examples.
    """
    examples, trusted = [], []
    answers: dict[str, list[Any]] = {variant: [] for variant in models}
    farthest = dict.fromkeys(models, 0.0)
    for each in answered:
        examples.append(each.example)
        trusted.append(each.answer)
        for variant, model in models.items():
            outputs = run_windows(model, task, each.reading)
            farthest[variant] = max(farthest[variant], _farthest(outputs, each.outputs))
            answers[variant].append(
                task.answer(each.example, each.reading.windows, outputs, labels)
            )
    if not examples:
        raise UserError(
            "The test split is empty, so that the converted model can't be evaluated. "
            "Give a test split with --test."
        )
    return task.measure(examples, trusted, labels), {
        variant: Compared(
            task.measure(examples, answers[variant], labels), farthest[variant]
        )
        for variant in models
    }


def measure_latency(
    models: Mapping[str, BucketedInterpreter],
    buckets: Sequence[int],
    seconds: float = 20.0,
) -> dict[str, dict[str, float]]:
    """Times one sequence at a time at each length.

    The variants take turns, so that a busy moment of the machine slows them alike.

    Args:
        models: variant -> its interpreter.
        buckets: lengths in tokens.
        seconds: about how long all of it may take.

    Returns:
        variant -> length as a str -> median milliseconds.
    """
    latency_ms: dict[str, dict[str, float]] = {variant: {} for variant in models}
    for bucket in buckets:
        zeros = [0] * bucket
        for model in models.values():  # Buffers are made in the first run.
            model.run_ids(zeros, zeros)
        times: dict[str, list[float]] = {variant: [] for variant in models}
        end = time.perf_counter() + seconds / len(buckets)
        for _ in range(_MAX_ROUNDS):
            for variant, model in models.items():
                start = time.perf_counter()
                model.run_ids(zeros, zeros)
                times[variant].append(1000 * (time.perf_counter() - start))
            if time.perf_counter() > end:
                break
        for variant, measured in times.items():
            latency_ms[variant][str(bucket)] = statistics.median(measured)
    return latency_ms


def choose(
    variants: Sequence[Mapping[str, Any]], metric: str, refuses_int8: bool = False
) -> tuple[str, str]:
    """Keeps int8 only if it is faster here and loses at most `MAX_LOSS`.

    Args:
        variants: of "float32" and "int8": `name`, `latency_ms`, and the metric.
        metric: what a good variant must not lose; higher is better.
        refuses_int8: it was measured to be slower on this machine, more surely than
            can be done beside the work of a conversion.

    Returns:
        The name of the variant, and a sentence that says why.
    """
    by_name = {variant["name"]: variant for variant in variants}
    full, small = by_name["float32"], by_name["int8"]
    speedup = statistics.geometric_mean(
        full["latency_ms"][length] / small["latency_ms"][length]
        for length in full["latency_ms"]
    )
    loss = full[metric] - small[metric]
    scores = f"{small[metric]:.4f} against {full[metric]:.4f}"
    times = f"{speedup:.2f} times as fast as float32 here (geometric mean over lengths)"
    # Scores are counts divided: what should be just 0.005 may be a bit more.
    if loss > MAX_LOSS + 1e-9:
        return "float32", (
            f"int8 loses {100 * loss:.2f} points of {spoken(metric)} ({scores}), more "
            f"than the {100 * MAX_LOSS:.1f} that it may."
        )
    if speedup <= 1:
        return "float32", f"int8 is only {times}; its {spoken(metric)} is {scores}."
    if refuses_int8:
        return "float32", (
            "int8 is slower on this machine, as `bert-cpu hardware --tune` measured."
        )
    return "int8", (
        f"int8 is {times}, and its {spoken(metric)} is {scores}, within "
        f"{100 * MAX_LOSS:.1f} points."
    )


# Enough for a steady median of runs that take a millisecond.
_MAX_ROUNDS = 300


def _farthest(found: Sequence[Outputs], expected: Sequence[Outputs]) -> float:
    return max(
        float(np.abs(ours[name] - theirs[name]).max(initial=0.0))
        for ours, theirs in zip(found, expected, strict=True)
        for name in ours
    )
