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
        mixed: gives every example with its split, where several splits stand in one
            file and reading them one by one would be reading it several times.
        num_bytes: int. About how large it is; 0: unknown.
    """

    name: str
    splits: dict[str, Reader]
    labels: tuple[str, ...] | None = None
    mixed: Callable[[], Iterator[tuple[str, Example]]] | None = None
    num_bytes: int = 0

    def read(self) -> Iterator[tuple[str, Example]]:
        """Every example once, with its split; those of a split are in its order."""
        if self.mixed is not None:
            yield from self.mixed()
            return
        for split, read in self.splits.items():
            for example in read():
                yield split, example
