"""Which epoch's weights become the model."""

import math
from collections.abc import Mapping


def is_kept(measured: Mapping[str, float], metric: str, best: float) -> bool:
    """Whether an epoch takes the place of the one that was kept before.

    The learning rate has fallen furthest in the last epoch, so an earlier one stays
    only if it was surely better: by more than one standard error of its score, which
    is taken for a share of the split's examples. Between epochs that the split can't
    tell apart, the highest score would be a choice by chance.

    Args:
        measured: of the validation split; `examples` is their number. Without it, an
            epoch must be better than the best.
        metric: which of them counts.
        best: the highest score of the epochs before; under -1 if there were none.

    Reference: the one-standard-error rule of Breiman et al. 1984, Classification and
    Regression Trees, section 3.4.3.
    """
    share = min(max(best, 0.0), 1.0)
    examples = measured.get("examples", 0)
    error = math.sqrt(share * (1 - share) / examples) if examples else 0.0
    return measured[metric] > best - error
