"""Which trials are not worth their time any more."""

import statistics
from collections.abc import Sequence

# Of fewer, the median says little.
_LEAST_OTHERS = 3


def is_below_median(
    scores: Sequence[float], others: Sequence[Sequence[float]], is_lower_better: bool
) -> bool:
    """Whether a trial's best so far is worse than the median of the others' then.

    Args:
        scores: of the trial after each of its epochs so far.
        others: the same of the other trials, all their epochs. Those that did not
            get so far don't count; with fewer than three left, nothing is stopped.
        is_lower_better: bool. Of a loss.

    Reference: Golovin et al. 2017, https://doi.org/10.1145/3097983.3098043, section
    3.2.2, with the best instead of the mean, because the best epoch is what is kept.
    """
    epoch = len(scores)
    if not epoch:
        return False
    best = min if is_lower_better else max
    theirs = [best(each[:epoch]) for each in others if len(each) >= epoch]
    if len(theirs) < _LEAST_OTHERS:
        return False
    median, ours = statistics.median(theirs), best(scores)
    return ours > median if is_lower_better else ours < median
