"""How much a run did, how fast, and in how much memory."""

import resource
import sys
from typing import Any

import keras

from bert_cpu.training.checkpoint import Progress


def describe_work(progress: Progress) -> dict[str, Any]:
    """What `metrics.json` says of training: examples, tokens, seconds, memory."""
    seconds = max(progress.seconds, 1e-9)
    return {
        "examples": progress.examples,
        "tokens": progress.tokens,
        "seconds": progress.seconds,
        "examples_per_second": progress.examples / seconds,
        "tokens_per_second": progress.tokens / seconds,
        "peak_memory_mb": peak_memory_mb(),
    }


def count_weights(model: keras.Model) -> int:
    """The numbers in a model's weights, without the state of random generators."""
    return sum(w.shape.num_elements() for w in model.weights if "seed" not in w.path)


def peak_memory_mb() -> float:
    """The most memory that this process ever had resident, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
