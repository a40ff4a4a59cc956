"""Which gradient of a table is sent as the rows that were read."""


def is_gathered(table: float, slices: float, num_workers: int) -> bool:
    """Whether to tell all workers each one's rows, instead of summing the whole table.

    A worker gets the rows of all others then, which grow with their number, but would
    send nearly two tables in a ring.

    Args:
        table: rows, or bytes, of the table.
        slices: rows, or bytes, that a worker's batch reads of it, at most.
        num_workers: int.
    """
    return num_workers > 1 and num_workers * slices < 2 * table
