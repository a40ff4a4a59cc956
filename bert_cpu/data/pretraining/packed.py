"""What packing makes of sentences, and masking reads."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, slots=True)
class Packed:
    """The tokens of one training sequence, before [CLS] and [SEP] are put in.

    Args:
        first: int32 `(2, tokens)`, ids and word starts; see `tokenize_documents`.
        second: the same of the second segment; None where there is one segment.
        is_random_next: bool. The second is from another document.
    """

    first: np.ndarray
    second: np.ndarray | None = None
    is_random_next: bool = False
