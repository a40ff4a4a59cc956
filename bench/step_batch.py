"""The batch that every contestant takes its training steps on."""

from typing import Any

import numpy as np

NUM_CHECKED_STEPS = 3
LEARNING_RATE = 5e-5
WEIGHT_DECAY = 0.01
CLIP_NORM = 1.0
EPSILON = 1e-8


def step_batch(given: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Random tokens and labels; the same for all who are given the same.

    Args:
        given: `batch` and `length`.

    Returns:
        int32 `(batch, length)` and int32 `(batch,)`, 0 or 1.
    """
    rng = np.random.default_rng(0)
    # Ordinary words of the vocabulary, without special tokens.
    ids = rng.integers(1000, 29_000, (given["batch"], given["length"]))
    return ids.astype(np.int32), rng.integers(0, 2, given["batch"]).astype(np.int32)
