"""One thing that is wrong with a prepared set."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Fault:
    """Where it is, and what.

    Args:
        file: name of the file, in the directory.
        why: what is wrong, to stand behind the file's name.
        offset: int or None. The byte of the file at which it starts.
    """

    file: str
    why: str
    offset: int | None = None

    def __str__(self):
        place = "" if self.offset is None else f", byte {self.offset:,}"
        return f"{self.file}{place}: {self.why}"
