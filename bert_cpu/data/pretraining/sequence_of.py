"""The tokens of a pre-training record, as they were before any was hidden."""

from typing import Any

import numpy as np


def sequence_of(features: Any) -> np.ndarray:
    """Puts the hidden tokens of a record back, and leaves its padding out.

    Args:
        features: of the record, as `parse_example` gives them.

    Returns:
        int64 `(length,)`, special tokens included.
    """
    ids = np.array(features["input_ids"].int64_list.value, np.int64)
    is_used = np.array(features["masked_lm_weights"].float_list.value) > 0
    positions = np.array(features["masked_lm_positions"].int64_list.value)[is_used]
    ids[positions] = np.array(features["masked_lm_ids"].int64_list.value)[is_used]
    return ids[np.array(features["input_mask"].int64_list.value) > 0]
