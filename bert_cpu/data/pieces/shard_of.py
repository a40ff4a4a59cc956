"""Which shard an example goes to: told by its number alone, in every process."""

import hashlib


def shard_of(number: int, num_shards: int) -> int:
    """Deals an example to a shard by lot, the same lot each time.

    A file that is sorted (by label, by day) would be trained on in that order if
    each shard took the next part of it. A hash of the number deals as evenly as
    chance does, and whoever has the example can tell, without those before it.

    Args:
        number: int. The example's place in its split, from 0.
        num_shards: int, 1 or more.

    Returns:
        int in `[0, num_shards)`.

    Example:
    >>> [shard_of(number, 4) for number in range(8)]
    [0, 3, 2, 3, 2, 2, 3, 3]
    """
    digest = hashlib.blake2b(number.to_bytes(8, "little"), digest_size=8).digest()
    return int.from_bytes(digest, "little") * num_shards >> 64
