"""Which records of an epoch are sorted by length together."""

import numpy as np

# Records that wait in memory for their windows to fill.
_BLOCK = 50_000


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
        int64 `(num_records,)`: the number of each record's window. Those of the first
        50,000 records or so come before those of the next ones.
    """
    random = np.random.default_rng(seed)
    block = max(1, _BLOCK // window_size) * window_size
    dealt = []
    for start in range(0, num_records, block):
        size = min(block, num_records - start)
        place = np.arange(size)
        window, rank = place // window_size, place % window_size
        in_window = np.minimum(window_size, size - window * window_size)
        due = (rank + random.random(size)) / in_window
        dealt.append(start // window_size + window[np.argsort(due)])
    return np.concatenate(dealt) if dealt else np.zeros(0, np.int64)
