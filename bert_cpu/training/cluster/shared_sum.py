"""Sums over the workers of one machine, in memory that all of them see."""

import dataclasses
import mmap
from collections.abc import Callable, Iterator, Sequence

import numpy as np

# TensorFlow takes an array as it is, without a copy, if it begins at such a byte.
_ALIGNMENT = 64


@dataclasses.dataclass(frozen=True)
class Room:
    """How much a worker may bring to a sum.

    Args:
        summed: int. Bytes of arrays that are summed, as `summed_bytes` counts each.
        gathered: int. Bytes of arrays that are gathered, as `gathered_bytes` does.
        num_workers: int, 2 or more.
    """

    summed: int
    gathered: int
    num_workers: int

    @property
    def num_bytes(self) -> int:
        """Bytes of memory that all need together."""
        return self.num_workers * (self.summed + self.gathered) + self.summed

    def of_worker(self, index: int) -> range:
        """The bytes that a worker writes first: its own, and the chief the sums."""
        size = self.summed + self.gathered
        begin = self.summed + index * size
        return range(0 if index == 0 else begin, begin + size)


def summed_bytes(num_bytes: int) -> int:
    """The bytes that an array takes up, so that the next one is aligned."""
    return -(-num_bytes // _ALIGNMENT) * _ALIGNMENT


def gathered_bytes(num_bytes: int) -> int:
    """The same for one that is gathered, with its number of rows in front."""
    return _ALIGNMENT + summed_bytes(num_bytes)


class SharedSum:
    """Adds up arrays of all workers: an all-reduce that needs no network.

    Each worker writes its arrays, adds up one part of what all have written, and reads
    the parts of all: about as many bytes whatever the number of workers. Each number is
    added up by one worker, in float32 and by the order of the workers, so that all get
    the same bits.

    Args:
        memory: a writable buffer of `room.num_bytes`, zero at first, that all see.
        room: the same for all workers.
        index: int. Of this worker.
        meet: returns in each worker when all have called it.
    """

    def __init__(
        self,
        memory: mmap.mmap | bytearray,
        room: Room,
        index: int,
        meet: Callable[[], None],
    ):
        self._index = index
        self._meet = meet
        self._sums = np.frombuffer(memory, np.float32, room.summed // 4)
        self._summed, self._gathered = [], []
        place = room.summed
        for _ in range(room.num_workers):
            slot = np.frombuffer(memory, np.float32, room.summed // 4, place)
            self._summed.append(slot)
            place += room.summed
            self._gathered.append(np.frombuffer(memory, np.uint8, room.gathered, place))
            place += room.gathered

    def __call__(
        self, summed: Sequence[np.ndarray], gathered: Sequence[np.ndarray] = ()
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Sums and gathers; all workers must call it as often, with the same shapes.

        Args:
            summed: float32 arrays.
            gathered: arrays `(rows, ...)`, whose number of rows may differ by worker.

        Returns:
            New arrays: the sums, and rows of all workers behind each other.

        Raises:
            ValueError: if there is no room for so much.
            ConnectionError: if another worker is gone.
        """
        places = list(_places(summed))
        total = places[-1].stop if places else 0
        if total > len(self._sums):
            raise ValueError(f"{total} numbers to sum, room for {len(self._sums)}")
        own = self._summed[self._index]
        for place, array in zip(places, summed, strict=True):
            own[place] = array.reshape(-1)
        _write_rows(self._gathered[self._index], gathered)
        self._meet()
        part = self._part(total)
        np.add(self._summed[0][part], self._summed[1][part], out=self._sums[part])
        for slot in self._summed[2:]:
            self._sums[part] += slot[part]
        rows = _read_rows(self._gathered, gathered)
        # From here on nobody reads what workers wrote, only what was summed; and that
        # is not written before all have met again, with the next arrays.
        self._meet()
        sums = []
        for place, array in zip(places, summed, strict=True):
            sums.append(_aligned(array.shape, np.float32))
            sums[-1].reshape(-1)[:] = self._sums[place]
        return sums, rows

    def _part(self, total):
        """The part of the sum that is this worker's, by whole cache lines."""
        step = summed_bytes(-(-4 * total // len(self._summed))) // 4
        begin = min(total, self._index * step)
        return slice(begin, min(total, begin + step))


def _places(arrays: Sequence[np.ndarray]) -> Iterator[slice]:
    begin = 0
    for array in arrays:
        yield slice(begin, begin + array.size)
        begin += summed_bytes(4 * array.size) // 4


def _write_rows(memory, arrays):
    needed = sum(gathered_bytes(array.nbytes) for array in arrays)
    if needed > len(memory):
        raise ValueError(f"{needed} bytes to gather, room for {len(memory)}")
    place = 0
    for array in arrays:
        memory[place : place + 8].view(np.int64)[0] = len(array)
        place += _ALIGNMENT
        raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        memory[place : place + array.nbytes] = raw
        place += summed_bytes(array.nbytes)


def _read_rows(memories, arrays):
    """What all have written, for arrays like these."""
    found: list[list[np.ndarray]] = [[] for _ in arrays]
    for memory in memories:
        place = 0
        for rows, array in zip(found, arrays, strict=True):
            shape = int(memory[place : place + 8].view(np.int64)[0]), *array.shape[1:]
            place += _ALIGNMENT
            num_bytes = array.itemsize * int(np.prod(shape))
            raw = memory[place : place + num_bytes]
            rows.append(raw.view(array.dtype).reshape(shape))
            place += summed_bytes(num_bytes)
    results = []
    for rows, array in zip(found, arrays, strict=True):
        shape = (sum(map(len, rows)), *array.shape[1:])
        results.append(np.concatenate(rows, out=_aligned(shape, array.dtype)))
    return results


def _aligned(shape, dtype):
    """An array that TensorFlow can take as it is."""
    num_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(num_bytes + _ALIGNMENT, np.uint8)
    begin = -memory.ctypes.data % _ALIGNMENT
    return memory[begin : begin + num_bytes].view(dtype).reshape(shape)
