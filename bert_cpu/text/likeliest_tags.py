"""From what a tagger thinks of each token to tags that are legal BIO."""

import functools
from collections.abc import Sequence

import numpy as np


def likeliest_tags(log_probabilities: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """The most probable of all sequences that are legal BIO.

    Where each token's likeliest tags are legal by themselves, it is those. Where not,
    none of them is mended by a rule: what is less sure gives way to what is surer.

    Args:
        log_probabilities: float `(tokens, labels)`.
        labels: BIO tags by id, O among them.

    Returns:
        int `(tokens,)`, ids.

    Reference: Viterbi 1967, https://doi.org/10.1109/TIT.1967.1054010.
    """
    steps = _steps(tuple(labels))
    outside = labels.index("O")
    likeliest = log_probabilities.argmax(axis=1)
    # At the start may stand what may follow O.
    if np.isfinite(steps[np.r_[outside, likeliest[:-1]], likeliest]).all():
        return likeliest
    best = np.zeros(log_probabilities.shape, int)  # The best label before each.
    scores = np.full(len(labels), -np.inf)
    scores[outside] = 0.0
    for index, each in enumerate(log_probabilities):
        paths = scores[:, None] + steps
        best[index] = paths.argmax(axis=0)
        scores = paths.max(axis=0) + each
    ids = np.zeros(len(best), int)
    last = scores.argmax()
    for index in range(len(best) - 1, -1, -1):
        ids[index] = last
        last = best[index, last]
    return ids


@functools.cache
def _steps(labels: tuple[str, ...]) -> np.ndarray:
    """float `(labels, labels)`: 0 where the second may follow the first, else -inf."""
    return np.array(
        [
            [
                0.0 if then[:2] != "I-" or first[2:] == then[2:] else -np.inf
                for then in labels
            ]
            for first in labels
        ]
    )
