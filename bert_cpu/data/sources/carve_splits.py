"""Splits for data that has none: one text in ten for each."""

import functools
from collections.abc import Collection, Iterator

from bert_cpu.data.sources.source import Reader
from bert_cpu.data.split import SPLITS, split_of
from bert_cpu.example import Example


def carve_splits(read: Reader, own: dict[str, Reader]) -> dict[str, Reader]:
    """Completes three splits: those that are missing come out of one reader.

    Args:
        read: gives the examples to train with, and more.
        own: the splits that have a reader of their own.

    Returns:
        dict from train, validation and test, in this order, to readers.
    """
    carve = [split for split in SPLITS if split not in own]
    return {
        split: own.get(split) or functools.partial(_read_split, read, split, carve)
        for split in SPLITS
    }


def _read_split(read: Reader, split: str, carve: Collection[str]) -> Iterator[Example]:
    return (example for example in read() if split_of(example.text, carve) == split)
