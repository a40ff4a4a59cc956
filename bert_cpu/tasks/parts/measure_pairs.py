"""How well vectors find what belongs together."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from bert_cpu.example import Example

# Cosines that are held at once: 64 MB of float32.
_BLOCK = 2**24


def measure_pairs(
    examples: Sequence[Example],
    vectors: Sequence[tuple[np.ndarray, np.ndarray] | None],
) -> dict[str, Any]:
    """Looks for each text's second text among all of them, and compares scores.

    Each second text is one candidate, however often it occurs. If a text occurs in
    several pairs, the second text of each is right. A wrong one with the same
    cosine is counted as nearer: else a model that gives all texts the same vector
    would seem perfect. What has no vectors is not found.

    Args:
        examples: pairs of texts. Where a label is not None, it is a score.
        vectors: of each pair's first and second text, float32 `(hidden_size,)` of
            length 1, or None.

    Returns:
        dict with `mrr`, the mean of 1 / rank of the best right one (Voorhees 1999,
        the TREC-8 question answering track); `recall_at_1` and `recall_at_10`, the
        shares of texts with rank 1, and up to 10; `examples`; and, if at least two
        scores differ, `spearman` and `pearson` of scores and cosines.
    """
    ranks = np.full(len(examples), np.inf)
    correlations = {}
    is_read = np.array([pair is not None for pair in vectors])
    if is_read.any():
        first, second = map(np.stack, zip(*filter(None, vectors), strict=True))
        read = list(itertools.compress(examples, is_read))
        ranks[is_read] = _ranks(read, first, second)
        correlations = _correlations(read, (first * second).sum(axis=1))
    return {
        "mrr": float(np.mean(1 / ranks)),
        "recall_at_1": float(np.mean(ranks <= 1)),
        "recall_at_10": float(np.mean(ranks <= 10)),
        "examples": len(examples),
        **correlations,
    }


def _ranks(examples, first, second):
    """int `(examples,)`, from 1."""
    columns: dict[str, int] = {}  # Second text -> its place among the candidates.
    right = defaultdict(set)  # First text -> places of all its second texts.
    candidates: list[np.ndarray] = []
    for example, vector in zip(examples, second, strict=True):
        if example.text_pair not in columns:
            columns[example.text_pair] = len(candidates)
            candidates.append(vector)
        right[example.text].add(columns[example.text_pair])
    table = np.stack(candidates)  # (candidates, hidden_size)
    ranks = np.empty(len(examples), int)
    num_rows = max(1, _BLOCK // len(candidates))
    for start in range(0, len(examples), num_rows):
        cosines = first[start : start + num_rows] @ table.T
        places = [
            (row, column)
            for row in range(len(cosines))
            for column in right[examples[start + row].text]
        ]
        rows, found = np.array(places).T
        best = np.full(len(cosines), -np.inf, cosines.dtype)
        np.maximum.at(best, rows, cosines[rows, found])
        cosines[rows, found] = -np.inf
        nearer = (cosines >= best[:, None]).sum(axis=1)
        ranks[start : start + num_rows] = 1 + nearer
    return ranks


def _correlations(examples, cosines):
    rows = [row for row, example in enumerate(examples) if example.label is not None]
    scores, cosines = np.array([examples[row].label for row in rows]), cosines[rows]
    # Of what is the same everywhere there is no correlation.
    if not rows or np.ptp(scores) == 0 or np.ptp(cosines) == 0:
        return {}
    from scipy import stats

    return {
        "spearman": float(stats.spearmanr(scores, cosines).statistic),
        "pearson": float(stats.pearsonr(scores, cosines).statistic),
    }
