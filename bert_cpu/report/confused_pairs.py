"""Which labels a model takes for which others, most often first."""

from collections.abc import Sequence


def confused_pairs(matrix: Sequence[Sequence[int]]) -> list[tuple[int, int, int]]:
    """The non-zero cells off the diagonal of a confusion matrix.

    Args:
        matrix: counts `(num_labels, num_labels)`, a row for each true label and
            a column for each predicted one.

    Returns:
        `(true, predicted, count)`, largest count first; equal counts in the
        order of the matrix.

    Example:
    >>> confused_pairs([[5, 1], [2, 7]])
    [(1, 0, 2), (0, 1, 1)]
    """
    pairs = [
        (true, predicted, count)
        for true, row in enumerate(matrix)
        for predicted, count in enumerate(row)
        if count and true != predicted
    ]
    return sorted(pairs, key=lambda pair: -pair[2])
