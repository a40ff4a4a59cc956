"""In how many packs gradients are summed."""

import math

from bert_cpu.training.cluster.pack_bytes import pack_bytes


def count_packs(gradient_bytes: int, num_workers: int) -> int:
    """As many as training makes of them between so many workers, or 1 if it is few.

    A gradient larger than a pack is not cut, and one that would not fit begins the
    next, so that the true number is a little off.
    """
    return max(1, math.ceil(gradient_bytes / pack_bytes(num_workers)))
