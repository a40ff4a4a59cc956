"""Splits for data that has none: one text in ten for each."""

import functools
from collections.abc import Collection, Iterator

from bert_cpu.data.sources.source import Reader, Source
from bert_cpu.data.split import SPLITS, split_of
from bert_cpu.example import Example


def carve_splits(
    name: str,
    read: Reader,
    own: dict[str, Reader],
    labels: tuple[str, ...] | None = None,
) -> Source:
    """Completes three splits: those that are missing come out of one reader.

    Args:
        name: of the source.
        read: gives the examples to train with, and more.
        own: the splits that have a reader of their own.
        labels: the labels by class id, if the source orders them.

    Returns:
        Source with train, validation and test, in this order.
    """
    carve = [split for split in SPLITS if split not in own]
    splits = {
        split: own.get(split) or functools.partial(_read_split, read, split, carve)
        for split in SPLITS
    }
    return Source(name, splits, labels, functools.partial(_read_all, read, own, carve))


def _read_split(read: Reader, split: str, carve: Collection[str]) -> Iterator[Example]:
    return (example for example in read() if split_of(example.text, carve) == split)


def _read_all(
    read: Reader, own: dict[str, Reader], carve: Collection[str]
) -> Iterator[tuple[str, Example]]:
    for example in read():
        yield split_of(example.text, carve), example
    for split in SPLITS:
        for example in own[split]() if split in own else ():
            yield split, example
