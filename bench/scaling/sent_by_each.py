"""What a worker sends for the sum of all gradients."""

import math

from bert_cpu.training.cluster.is_gathered import is_gathered
from bert_cpu.training.cluster.pack_bytes import pack_bytes


def sent_by_each(
    table_bytes: int, slice_bytes: int, other_bytes: int, num_workers: int
) -> tuple[int, float]:
    """Messages and bytes of a worker, as training sends gradients.

    A ring sums in N - 1 steps, in which every worker passes a piece of N on to its
    neighbour, which adds its own, and tells the sums in N - 1 more: 2 (N - 1) messages
    a pack and 2 (N - 1) / N of the bytes, the least that any sum can do. Rows that are
    gathered go round once, whole: a message of each other worker's, for the rows and
    for their numbers.

    Args:
        table_bytes: of the word table's gradient.
        slice_bytes: of a worker's rows of it.
        other_bytes: of all other gradients.
        num_workers: int, 1 or more. One sends nothing.

    Reference: Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms for
    clusters of workstations", https://doi.org/10.1016/j.jpdc.2008.09.002.
    """
    others = num_workers - 1
    messages, sent = 0, 0.0
    if is_gathered(table_bytes, slice_bytes, num_workers):
        messages, sent = 2 * others, float(others * slice_bytes)
    else:
        other_bytes += table_bytes
    # A gradient larger than a pack is not cut, and one that would not fit begins the
    # next, so that the true number is a little off.
    packs = max(1, math.ceil(other_bytes / pack_bytes(num_workers)))
    messages += 2 * others * packs
    return messages, sent + 2 * others / num_workers * other_bytes
