"""How many bytes of gradients workers sum at once."""

_FEW_WORKERS = 4 << 20
_EACH_WORKER = 1 << 20


def pack_bytes(num_workers: int) -> int:
    """The size of the packs in which gradients are summed over workers.

    Copying all gradients into one tensor and back costs more than sending them in
    packs: with two workers a step takes 1.1 s in one tensor, and 1.0 in packs of 4 MB
    (`make bench-scale`). But a ring cuts each pack into a piece a worker, and a piece
    under about 300 KB takes longer to announce than to pass on, so that packs grow
    with the number of workers: a hundred of them sum all in one.

    Args:
        num_workers: int, 1 or more.
    """
    return max(_FEW_WORKERS, num_workers * _EACH_WORKER)
