"""Numbers of threads that are worth trying."""


def halvings(cores: int) -> list[int]:
    """All cores, half of them, and so on down to one.

    Example:
    >>> halvings(6)
    [6, 3, 1]
    """
    numbers = [cores]
    while numbers[-1] > 1:
        numbers.append(numbers[-1] // 2)
    return numbers
