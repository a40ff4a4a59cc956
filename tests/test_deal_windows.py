"""Records that are alike are dealt to different windows."""

import collections

import numpy as np
import pytest

from bert_cpu.data import deal_windows as module
from bert_cpu.data.deal_windows import deal_windows


def windows_of(num_records, size, seed):
    """The number of each record's window."""
    order = deal_windows(num_records, size, seed)
    assert sorted(order) == list(range(num_records))
    windows = np.empty(num_records, int)
    windows[order] = np.arange(num_records) // size
    return windows


@pytest.mark.parametrize("num_records, size", [(919, 144), (12, 5), (5, 5), (3, 8)])
def test_every_window_but_the_last_is_full(num_records, size):
    counts = collections.Counter(windows_of(num_records, size, 0).tolist())
    full, rest = divmod(num_records, size)
    expected = dict.fromkeys(range(full), size) | ({full: rest} if rest else {})
    assert counts == expected


def test_no_record_is_no_window():
    assert deal_windows(0, 5, 0).size == 0


def test_neighbours_go_to_different_windows():
    dealt = windows_of(1000, 100, 0)
    # Among ten windows, two of five in a row would meet in one in 70 % of all cases.
    shared = [len(set(five)) < 5 for five in dealt.reshape(-1, 5).tolist()]
    assert np.mean(shared) < 0.35
    # Each window takes from everywhere.
    for window in range(10):
        places = np.flatnonzero(dealt == window)
        assert np.abs(places - 10 * np.arange(100)).max() < 10


def test_a_seed_fixes_the_deal_and_another_gives_another():
    first = windows_of(1000, 100, 3)
    assert np.array_equal(first, windows_of(1000, 100, 3))
    assert np.mean(first == windows_of(1000, 100, 4)) < 0.2


def test_many_records_are_dealt_in_blocks(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 35)
    dealt = windows_of(100, 10, 0)
    # Three windows fit a block.
    assert [set(dealt[start : start + 30].tolist()) for start in (0, 30, 60, 90)] == [
        {0, 1, 2},
        {3, 4, 5},
        {6, 7, 8},
        {9},
    ]
