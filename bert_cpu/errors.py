"""What is the user's to mend, said in one line.

Everything that a user can get wrong (a missing file, a wrong column, a damaged
shard) is raised as a `UserError`. The command line prints its message as one
line and leaves with exit code 2; a program that calls the package catches it as
the `ValueError` that it is. Any other exception is a mistake of ours.
"""


class UserError(ValueError):
    """A mistake in what was given, with how to mend it.

    Args:
        message: str, one line: what came, what was expected, what to do.

    Example:
    >>> raise UserError("'a.csv' has no column 'stars' (it has: text, label). "
    ...                 "Name one of them with --label.")
    Traceback (most recent call last):
    bert_cpu.errors.UserError: 'a.csv' has no column 'stars' ...
    """


class Unanswerable(UserError):
    """A text that a task can't answer, while it can answer others of the same file."""


class MissingColumn(UserError):
    """A row lacks a column: all rows of the file may, or this one alone."""


class FoundByAll(UserError):
    """A mistake that all workers find in the same step; the chief says it for all."""


class Interrupted(Exception):
    """Work that was stopped on request after its state was saved (exit 130)."""
