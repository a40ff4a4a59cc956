"""Which gradients are sent in bfloat16."""

import re

# Of encoder blocks: what is multiplied in bfloat16 where anything is.
_KERNEL = re.compile(r"block_\d+/.*kernel$")


def travels_in_bfloat16(path: str, dtype: str) -> bool:
    """Whether a gradient is a product in bfloat16 already: only sums are rounded.

    Args:
        path: of the Keras variable.
        dtype: of matrix products.
    """
    return dtype == "bfloat16" and _KERNEL.search(path) is not None
