"""Which converted variant to keep: how right and how fast each one is here."""

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bert_cpu.errors import UserError
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter, Ids

# The most that int8 may lose, as a share of the test examples.
MAX_LOSS = 0.005

Tokenized = tuple[Ids, Ids, int]


def compare(
    models: Mapping[str, BucketedInterpreter],
    examples: Iterable[Tokenized],
    reference_logits: np.ndarray,
) -> tuple[float, dict[str, dict[str, float]]]:
    """Runs every variant on every example.

    Args:
        models: variant -> its interpreter.
        examples: `(input_ids, token_type_ids, label_id)`, without padding.
        reference_logits: float `(examples, num_labels)`, of the trained model.

    Returns:
        The trained model's accuracy in [0, 1], and for each variant `accuracy` and
        `max_abs_difference`, the farthest that a logit is from the trained model's.

    Raises:
        UserError: if there are no examples.
        ValueError: if there are not as many examples as rows of logits.
    """
    labels = []
    logits: dict[str, list[np.ndarray]] = {variant: [] for variant in models}
    for input_ids, token_type_ids, label_id in examples:
        labels.append(label_id)
        for variant, model in models.items():
            logits[variant].append(model.run_ids(input_ids, token_type_ids))
    if not labels:
        raise UserError(
            "The test split is empty, so that the converted model can't be evaluated. "
            "Give a test split with --test."
        )
    if len(labels) != len(reference_logits):
        raise ValueError(
            f"{len(labels)} examples, but {len(reference_logits)} rows of reference "
            "logits. Give both of the same split."
        )
    scores = {}
    for variant, rows in logits.items():
        found = np.stack(rows)
        scores[variant] = {
            "accuracy": _accuracy(found, labels),
            "max_abs_difference": float(np.abs(found - reference_logits).max()),
        }
    return _accuracy(reference_logits, labels), scores


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


def choose(variants: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Keeps int8 only if it is faster here and loses at most `MAX_LOSS`.

    Args:
        variants: of "float32" and "int8": `name`, `accuracy`, `latency_ms`.

    Returns:
        The name of the variant, and a sentence that says why.
    """
    by_name = {variant["name"]: variant for variant in variants}
    full, small = by_name["float32"], by_name["int8"]
    speedup = statistics.geometric_mean(
        full["latency_ms"][length] / small["latency_ms"][length]
        for length in full["latency_ms"]
    )
    loss = full["accuracy"] - small["accuracy"]
    accuracies = f"{small['accuracy']:.4f} against {full['accuracy']:.4f}"
    times = f"{speedup:.2f} times as fast as float32 here (geometric mean over lengths)"
    # Accuracies are counts divided: what should be just 0.005 may be a bit more.
    if loss > MAX_LOSS + 1e-9:
        return "float32", (
            f"int8 loses {100 * loss:.2f} points of accuracy ({accuracies}), more than "
            f"the {100 * MAX_LOSS:.1f} that it may."
        )
    if speedup <= 1:
        return "float32", f"int8 is only {times}; its accuracy is {accuracies}."
    return "int8", (
        f"int8 is {times}, and its accuracy is {accuracies}, within "
        f"{100 * MAX_LOSS:.1f} points."
    )


# Enough for a steady median of runs that take a millisecond.
_MAX_ROUNDS = 300


def _accuracy(logits: np.ndarray, labels: Sequence[int]) -> float:
    return float(np.mean(np.argmax(logits, axis=1) == np.asarray(labels)))
