"""What records keep beside the tokens."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Target:
    """One thing that records keep beside the tokens, and losses compare with.

    Args:
        dtype: of its values in a batch.
        is_list: a list of values an example, padded in a batch to the longest of
            them or further, as tokens are; else one value an example. A loss must not
            look at what is behind its list.
        padding: what stands behind shorter lists.
    """

    dtype: Literal["int32", "float32"]
    is_list: bool = False
    padding: float = 0
