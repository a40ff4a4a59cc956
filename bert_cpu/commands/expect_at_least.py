"""Numbers of a command line that must not be too small."""

from bert_cpu.errors import UserError


def expect_at_least(least: int, **numbers: int) -> None:
    """Refuses numbers under `least`, by the names of their options.

    Raises:
        UserError: naming the first of them.
    """
    for field, number in numbers.items():
        if number < least:
            flag = "--" + field.replace("_", "-")
            raise UserError(f"{flag} is {number}, but must be {least} or more.")
