"""Which split a text is in: told by the text alone, on every machine."""

import hashlib
from collections.abc import Collection, Iterable
from typing import Any

SPLITS = ("train", "validation", "test")
_CARVED = {0: "test", 1: "validation"}


def split_of(text: str, carve: Collection[str] = ("validation", "test")) -> str:
    """Puts one text in ten in each carved split, the rest in train.

    A text that comes twice is in one split both times, so no model is tested
    on what it learned, and rows that are added later move none of the others.

    Args:
        text: str. Of a pair, the first text.
        carve: which of validation and test come out of this data. What would
            go to another one is in train.

    Returns:
        "train", "validation" or "test".

    Example:
    >>> split_of("a quiet, lovely film")
    'train'
    """
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    split = _CARVED.get(int.from_bytes(digest, "big") % 10, "train")
    return split if split in carve else "train"


def split_by_text(
    examples: Iterable[dict[str, Any]],
) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    """Sorts the examples of a TFDS builder into its three splits.

    Args:
        examples: dicts with a "text", all of a data set that fits in memory.

    Returns:
        dict from split to its `(key, example)` pairs, as TFDS wants them.
    """
    splits: dict[str, list[tuple[int, dict[str, Any]]]] = {
        split: [] for split in SPLITS
    }
    for key, example in enumerate(examples):
        splits[split_of(example["text"])].append((key, example))
    return splits
