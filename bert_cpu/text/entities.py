"""What was found in a text."""

import dataclasses

from bert_cpu.text.bio import Span


@dataclasses.dataclass(frozen=True, slots=True)
class Entity:
    """A part of a text that names something.

    Args:
        start, end: int. Its characters in the text as it was given, the end
            exclusive.
        text: str, those characters.
        label: str, its type.
        probability: float in [0, 1]. That of its least sure word's tag: where one
            word is wrong, the entity is.
    """

    start: int
    end: int
    text: str
    label: str
    probability: float

    def __str__(self) -> str:
        """On one line: "PER:Obama"."""
        return f"{self.label}:{' '.join(self.text.split())}"


@dataclasses.dataclass(frozen=True, slots=True)
class Entities:
    """What a tagger says of a text; `dataclasses.asdict` of it is JSON.

    Args:
        text: str, as it was given.
        entities: in the order of the text; they don't overlap.
    """

    text: str
    entities: list[Entity]

    def columns(self) -> list[str]:
        """All of them in one column: "PER:Obama, LOC:Rome"."""
        return [", ".join(map(str, self.entities)) or "-"]

    def spans(self) -> list[Span]:
        """Start, end and type of each."""
        return [(each.start, each.end, each.label) for each in self.entities]
