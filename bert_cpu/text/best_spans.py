"""The likeliest spans of a text, from what a model said of its windows."""

from collections.abc import Sequence

import numpy as np
from tokenizers import Encoding

from bert_cpu.text.visible_span import visible_span

Span = tuple[int, int]


def best_spans(
    text: str,
    windows: Sequence[Encoding],
    logits: Sequence[np.ndarray],
    most_pieces: int,
    num_best: int,
) -> list[tuple[Span, float]]:
    """Finds the spans of the second text whose two logits have the highest sums.

    Args:
        text: str. The second of a pair of texts.
        windows: tokens of the pair.
        logits: of each window float `(length, 2)`: the span begins with this token,
            and it ends with it.
        most_pieces: int. Tokens in the longest span.
        num_best: int. Spans to give.

    Returns:
        Up to `num_best` spans `(start, end)`, in characters of the text, with their
        sums; the highest first, all of them different.
    """
    sums: dict[Span, float] = {}
    for window, each in zip(windows, logits, strict=True):
        for start, end, total in _spans(window, each, most_pieces, num_best):
            # Windows overlap: the same span may be in two of them.
            span = visible_span(text, start, end)
            sums[span] = max(total, sums.get(span, -np.inf))
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))[:num_best]


def _spans(
    window: Encoding, logits: np.ndarray, most_pieces: int, num_best: int
) -> list[tuple[int, int, float]]:
    tokens = [token for token, text in enumerate(window.sequence_ids) if text == 1]
    if not tokens:
        return []
    begins, ends = logits[tokens].T
    width = min(most_pieces, len(tokens))
    ends = np.pad(ends, (0, width - 1), constant_values=-np.inf)
    # A row for each first token; in it the spans of one token, of two, and so on.
    sums = begins[:, None] + np.lib.stride_tricks.sliding_window_view(ends, width)
    num_best = min(num_best, sums.size)
    best = np.argpartition(-sums, num_best - 1, axis=None)[:num_best]
    offsets = window.offsets
    return [
        (
            offsets[tokens[first]][0],
            offsets[tokens[first + more]][1],
            float(sums[first, more]),
        )
        for first, more in zip(*np.unravel_index(best, sums.shape), strict=True)
        if first + more < len(tokens)
    ]
