"""A trial of either side, with what is counted."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Trial:
    """A trial as it ended.

    Args:
        id: Keras Tuner's.
        is_finished: bool. It came to its end; else the budget ended before it, or it
            failed.
        continues: the id of the trial whose weights it began with, or None.
        values: of the searched settings.
        scores: validation accuracy after each whole epoch that this trial trained,
            without those of the trial that it continues.
        seconds: from the start of the budget to its end.
    """

    id: str
    is_finished: bool
    continues: str | None
    values: Mapping[str, Any]
    scores: Sequence[float]
    seconds: float
