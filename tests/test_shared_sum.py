"""Sums in memory that workers share, with threads in their places."""

import concurrent.futures
import contextlib
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_cpu.training.cluster import share_memory as share_memory_module
from bert_cpu.training.cluster.share_memory import NAME_BYTES, share_memory
from bert_cpu.training.cluster.shared_sum import (
    Room,
    SharedSum,
    gathered_bytes,
    summed_bytes,
)


class Together:
    """Lets threads be the workers of one machine."""

    def __init__(self, num_workers):
        self.num_workers = num_workers
        self._barrier = threading.Barrier(num_workers)
        self._said = [None] * num_workers

    def run(self, work):
        """Calls `work(index)` in a thread each; gives what they return."""
        futures = [concurrent.futures.Future() for _ in range(self.num_workers)]

        def fulfil(index):
            try:
                futures[index].set_result(work(index))
            except BaseException as error:
                futures[index].set_exception(error)

        for index in range(self.num_workers):
            # Not waited for at the end, or one that hangs would hang all tests.
            threading.Thread(target=fulfil, args=(index,), daemon=True).start()
        return [future.result(30) for future in futures]

    def share(self, index, num_bytes, **changes):
        asked = {
            "tell": lambda name: self._all(index, name)[0],
            "all_say": lambda is_so: all(self._all(index, is_so)),
        }
        asked |= {"available": 1 << 20, "own": range(num_bytes)} | changes
        return share_memory(num_bytes, index, self.num_workers, **asked)

    def _all(self, index, said):
        self._said[index] = said
        self._barrier.wait(20)
        found = list(self._said)
        self._barrier.wait(20)
        return found


def rooms(num_workers, summed, gathered=()):
    return Room(
        # No memory has no bytes at all.
        64 + sum(summed_bytes(array.nbytes) for array in summed),
        sum(gathered_bytes(array.nbytes) for array in gathered),
        num_workers,
    )


@contextlib.contextmanager
def sharing(together, index, room):
    with contextlib.closing(together.share(index, room.num_bytes)) as shared:
        yield SharedSum(shared.memory, room, index, shared.meet)


def sums_of(num_workers, bring, room, times=1):
    """What each worker gets of `bring(index, time)`, the last time."""
    together = Together(num_workers)

    def work(index):
        with sharing(together, index, room) as shared_sum:
            return [shared_sum(*bring(index, time)) for time in range(times)][-1]

    return together.run(work)


@settings(deadline=None, max_examples=25)
@given(
    num_workers=st.integers(2, 5),
    shapes=st.lists(
        st.lists(st.integers(0, 9), max_size=3).map(tuple), min_size=1, max_size=4
    ),
    seed=st.integers(0, 99),
)
def test_all_get_the_same_sum_as_numpys(num_workers, shapes, seed):
    chance = np.random.default_rng(seed)
    brought = [
        [chance.normal(size=shape).astype(np.float32) for shape in shapes]
        for _ in range(num_workers)
    ]
    found = sums_of(
        num_workers,
        lambda index, _: (brought[index],),
        rooms(num_workers, brought[0]),
    )
    for number in range(len(shapes)):
        # One after the other, as they are added.
        expected = brought[0][number]
        for each in brought[1:]:
            expected = expected + each[number]
        for sums, _ in found:
            assert sums[number].dtype == np.float32
            np.testing.assert_array_equal(sums[number], expected)


def test_rows_are_gathered_by_the_order_of_workers_though_their_numbers_differ():
    rows = [
        np.arange(count * 3, dtype=np.float32).reshape(count, 3) + 100 * count
        for count in (2, 0, 5)
    ]
    ids = [np.arange(len(each), dtype=np.int64) for each in rows]
    room = rooms(3, [], [rows[2], ids[2]])
    found = sums_of(3, lambda index, _: ([], [rows[index], ids[index]]), room)
    for _, (all_rows, all_ids) in found:
        np.testing.assert_array_equal(all_rows, np.concatenate(rows))
        np.testing.assert_array_equal(all_ids, [0, 1, 0, 1, 2, 3, 4])
        assert all_ids.dtype == np.int64


def test_many_sums_one_after_the_other_do_not_disturb_each_other():
    def bring(index, time):
        size = 1 + time % 7  # Shapes may change from step to step.
        return [np.full(size, time * (index + 1), np.float32)], [
            np.full((1 + index, 2), time, np.int32)
        ]

    room = Room(summed_bytes(28), gathered_bytes(24), 3)
    found = sums_of(3, bring, room, times=200)
    for (total,), (rows,) in found:
        np.testing.assert_array_equal(total, np.full(4, 199 * 6))
        np.testing.assert_array_equal(rows, np.full((6, 2), 199))


def test_results_are_aligned_and_the_callers_own():
    first = []

    def bring(index, time):
        return ([np.full(5, 1.0 + time, np.float32), np.ones(3, np.float32)],)

    together, room = Together(2), Room(summed_bytes(20) + summed_bytes(12), 0, 2)

    def work(index):
        with sharing(together, index, room) as shared_sum:
            sums, _ = shared_sum(*bring(index, 0))
            if index == 0:
                first.extend(sums)
            sums[0] += 1000  # TensorFlow may compute in the place of an input.
            return shared_sum(*bring(index, 1))

    for sums, _ in together.run(work):
        np.testing.assert_array_equal(sums[0], np.full(5, 4.0))
        assert all(each.ctypes.data % 64 == 0 for each in sums)
    np.testing.assert_array_equal(first[0], np.full(5, 1002.0))


def test_more_than_there_is_room_for_is_refused():
    room = Room(64, 128, 2)
    shared_sum = SharedSum(bytearray(room.num_bytes), room, 0, lambda: None)
    with pytest.raises(ValueError, match="17 numbers to sum, room for 16"):
        shared_sum([np.zeros(17, np.float32)])
    with pytest.raises(ValueError, match="256 bytes to gather, room for 128"):
        shared_sum([], [np.zeros((2, 9), np.float64)])


def test_the_memory_is_the_same_and_zero_at_first():
    together = Together(3)

    def work(index):
        with contextlib.closing(together.share(index, 4096)) as shared:
            assert bytes(shared.memory) == bytes(4096)
            shared.meet()
            shared.memory[index] = 7 + index
            shared.meet()
            return bytes(shared.memory[:4])

    assert together.run(work) == [bytes([7, 8, 9, 0])] * 3


def test_a_worker_that_goes_is_noticed_by_those_that_wait():
    together = Together(2)

    def work(index):
        with contextlib.closing(together.share(index, 64)) as shared:
            if index == 1:
                return "left"
            with pytest.raises(ConnectionError, match="is gone"):
                shared.meet()
            return "noticed"

    assert together.run(work) == ["noticed", "left"]


@pytest.mark.parametrize("without", [0, 1])
def test_none_shares_if_one_can_not(without, monkeypatch):
    is_possible = share_memory_module._is_possible
    workers = threading.local()
    monkeypatch.setattr(
        share_memory_module,
        "_is_possible",
        lambda: workers.index != without and is_possible(),
    )
    monkeypatch.setattr(share_memory_module, "_SECONDS", 0.2)
    together = Together(2)

    def work(index):
        workers.index = index
        return together.share(index, 64)

    assert together.run(work) == [None, None]


def test_none_shares_with_another_machine(monkeypatch):
    monkeypatch.setattr(share_memory_module, "_SECONDS", 0.2)
    together = Together(2)

    def on_another_machine(index):
        # There is no such socket there.
        changes = (
            {"tell": lambda name: name}
            if index == 0
            else {"tell": lambda name: bytes([1] * NAME_BYTES)}
        )
        return together.share(index, 64, **changes)

    assert together.run(on_another_machine) == [None, None]


def test_another_users_process_gets_nothing(monkeypatch):
    monkeypatch.setattr(share_memory_module, "_SECONDS", 0.2)
    monkeypatch.setattr(share_memory_module.os, "geteuid", lambda: 12345)
    together = Together(2)
    assert together.run(lambda index: together.share(index, 64)) == [None, None]


@pytest.mark.parametrize("short", [0, 1])
def test_none_shares_where_one_has_too_little_memory(short, monkeypatch):
    monkeypatch.setattr(share_memory_module, "_SECONDS", 0.2)
    together = Together(2)

    def work(index):
        return together.share(index, 64, available=127 if index == short else 128)

    assert together.run(work) == [None, None]


def test_what_workers_write_first_is_all_there_is_once():
    room = Room(128, 192, 3)
    parts = [room.of_worker(index) for index in range(3)]
    assert [place for part in parts for place in part] == list(range(room.num_bytes))
