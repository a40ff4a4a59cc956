"""Small data is read once, large data each time, and both give the same."""

import dataclasses
import itertools

import pytest
from tiny_records import examples_of, rows_of_lengths, source_of

from bert_cpu.data.sources import keep_small as module
from bert_cpu.data.sources.keep_small import keep_small

ROWS = rows_of_lengths([5] * 12)


def counted(num_bytes):
    """A source, and a list that grows by one each time its training split is read."""
    readings = []

    def read():
        readings.append(1)
        return iter(examples_of(ROWS))

    source = dataclasses.replace(source_of(ROWS), num_bytes=num_bytes)
    return dataclasses.replace(source, splits=source.splits | {"train": read}), readings


@pytest.mark.parametrize(
    "num_bytes, most, expected",
    [(100, 36, 1), (100, 35, 3), (0, 36, 3), (2**24, 36, 1), (2**24 + 1, 36, 3)],
)
def test_what_is_small_is_read_once(monkeypatch, num_bytes, most, expected):
    monkeypatch.setattr(module, "_MOST_EXAMPLES", most)
    source, readings = counted(num_bytes)
    small = keep_small(source)
    wanted = [
        (split, example) for split in source.splits for example in examples_of(ROWS)
    ]
    for _ in range(3):
        assert list(small.read()) == wanted
    assert len(readings) == expected


def test_a_reading_that_was_not_finished_is_not_kept():
    source, readings = counted(100)
    small = keep_small(source)
    assert len(list(itertools.islice(small.read(), 5))) == 5
    first, second = list(small.read()), list(small.read())
    assert first == second == list(source.read())
    assert len(readings) == 3
    assert len(first) == 36
