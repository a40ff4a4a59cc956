"""A place in a text that an answer points to, or should have."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """Some characters of a text, as a report colours them.

    Args:
        start, end: int. `text[start:end]` is marked.
        label: str. What it is, such as "PER"; may be empty.
        verdict: whether it was answered rightly, wrongly, or missed.
    """

    start: int
    end: int
    label: str
    verdict: Literal["right", "wrong", "missed"]
