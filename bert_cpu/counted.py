"""Numbers of things as people write them: "1 file", "2,000 files"."""


def counted(count: int, noun: str, several: str | None = None) -> str:
    """A number with what it counts.

    Args:
        count: int, 0 or more.
        noun: of one of them.
        several: of any other number. Default: the noun with an s.

    Example:
    >>> counted(1, "text was", "texts were")
    '1 text was'
    """
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"
