"""Which records of an epoch are sorted by length together."""

import numpy as np

# Records that are in memory at once, about.
_BLOCK = 50_000


def block_size(window_size: int) -> int:
    """Records that are dealt out together: those of as many windows as have room."""
    return max(1, _BLOCK // window_size) * window_size


def deal_windows(num_records: int, window_size: int, seed: int) -> np.ndarray:
    """Deals records out to windows, like cards: neighbours to different ones.

    Neighbours are alike: questions on one text, windows of one document, rows that
    were sorted by label. Drawn by lot, some would share a window; and being equally
    long as well, a batch. Each window gets one record, at a random place, of each
    stretch as long as there are windows.

    Args:
        num_records: int. Of the epoch, in the order in which they are read.
        window_size: int. Records in each window but the last.
        seed: int. The same gives the same windows.

    Returns:
        int64 `(num_records,)`: the records of the first window, of the second, and so
        on. Each `block_size(window_size)` of them are of one stretch of the data.
    """
    random = np.random.default_rng(seed)
    block = block_size(window_size)
    dealt = []
    for start in range(0, num_records, block):
        size = min(block, num_records - start)
        place = np.arange(size)
        window, rank = place // window_size, place % window_size
        in_window = np.minimum(window_size, size - window * window_size)
        window_of = window[np.argsort((rank + random.random(size)) / in_window)]
        dealt.append(start + np.argsort(window_of, kind="stable"))
    return np.concatenate(dealt) if dealt else np.zeros(0, np.int64)
