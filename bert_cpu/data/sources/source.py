"""What a source of raw examples offers, whichever kind it is."""

import dataclasses
from collections.abc import Callable, Iterator

from bert_cpu.example import Example

Reader = Callable[[], Iterator[Example]]


@dataclasses.dataclass(frozen=True)
class Source:
    """Raw examples in three splits, read anew each time, one at a time.

    Args:
        name: str, for messages and manifests.
        splits: dict from train, validation and test to a function that starts
            at the first example. No split is held in memory.
        labels: the labels by class id, if the source itself orders them.
    """

    name: str
    splits: dict[str, Reader]
    labels: tuple[str, ...] | None = None
