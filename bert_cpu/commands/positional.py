"""Marks the fields of a command that are typed without an option's name."""

from typing import NamedTuple


class Positional(NamedTuple):
    """Stands in `Annotated` beside the type of such a field.

    The commands that answer at once have it in place of the parser's own mark, which
    takes longer to import than they take to answer.
    """

    # What `--help` calls it.
    metavar: str
