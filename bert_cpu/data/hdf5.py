"""Features in HDF5, for tools that read it: one file a split, the same schema.

A list of length `n` (the tokens of a window, or a target that is a list) is `n`
neighbours in a flat array; `NAME_splits[i]` is where the list of window `i` starts,
and those of `input_ids` and `token_type_ids` are `row_splits`.
"""

import contextlib
import io
import pathlib
from collections.abc import Iterator, Mapping

import h5py
import numpy as np

from bert_cpu import storage
from bert_cpu.data.damage.open_hdf5 import open_hdf5
from bert_cpu.data.damage.read_splits import read_splits
from bert_cpu.data.features import Features
from bert_cpu.data.hdf5_columns import TEXT, hdf5_columns, splits_of
from bert_cpu.data.stored_example import to_json
from bert_cpu.target import Target

# Windows between two writes, and bytes in a chunk of the file.
_BUFFERED = 4096
_CHUNK = 65_536
# Sequences that stand at most so many tokens apart are read at once.
_GAP = 1024
_TOKENS = ("input_ids", "token_type_ids")


class HDF5Writer(contextlib.AbstractContextManager):
    """Writes the examples of one split, in order, holding only a few of them.

    Args:
        directory: where the file goes.
        split: str. The file is `<split>.h5`.
        targets: of the task, by name.

    Raises:
        UserError: if the disk is full.
    """

    def __init__(
        self, directory: pathlib.Path, split: str, targets: Mapping[str, Target]
    ):
        self._path = directory / f"{split}.h5"
        self._targets = targets
        with storage.full_disk_is_the_users(self._path):
            self._disk = _PatientFile(self._path, "w+")
        self._file = h5py.File(self._disk, "w")
        columns = hdf5_columns(targets)
        for name, dtype in columns.items():
            kind = h5py.string_dtype() if dtype == TEXT else dtype
            self._file.create_dataset(
                name, (0,), kind, maxshape=(None,), chunks=(_CHUNK,)
            )
        self._waiting: dict[str, list] = {name: [] for name in columns}
        self._ends = dict.fromkeys(["row_splits", *map(splits_of, _lists(targets))], 0)
        for name in self._ends:
            self._waiting[name].append(0)
        self.shard_windows = {self._path.name: 0}

    def write(self, features: Features) -> None:
        """Adds the windows of one example; the first one keeps its texts."""
        kept = to_json(features.example)
        for window in features.windows:
            for name in _TOKENS:
                self._waiting[name].extend(getattr(window, name))
            self._end("row_splits", len(window.input_ids))
            for name, target in self._targets.items():
                value = window.targets[name]
                if target.is_list:
                    self._waiting[name].extend(value)
                    self._end(splits_of(name), len(value))
                else:
                    self._waiting[name].append(value)
            self._waiting["example"].append(kept)
            kept = ""
        self.shard_windows[self._path.name] += len(features.windows)
        if len(self._waiting["example"]) >= _BUFFERED:
            self._flush()

    def _end(self, splits, length):
        self._ends[splits] += length
        self._waiting[splits].append(self._ends[splits])

    def __exit__(self, kind, *exception):
        with self._disk, self._file:
            if kind is None:
                self._flush()
        self._raise_error()

    def _flush(self):
        for name, values in self._waiting.items():
            dataset = self._file[name]
            start = len(dataset)
            dataset.resize((start + len(values),))
            if values:
                dataset[start:] = values
            values.clear()
        self._raise_error()

    def _raise_error(self):
        with storage.full_disk_is_the_users(self._path):
            if self._disk.error is not None:
                raise self._disk.error


class HDF5Reader:
    """Reads the windows of one split by their numbers.

    Args:
        path: of the file that `HDF5Writer` wrote. It is opened here and stays
            open as long as the reader lives.
        targets: that it was written with.

    Raises:
        UserError: if it is not a file as `HDF5Writer` writes them.
    """

    def __init__(self, path: pathlib.Path, targets: Mapping[str, Target]):
        self._file = open_hdf5(path, targets)
        self._splits: dict[str, np.ndarray] = {}
        for name in ("input_ids", *_lists(targets)):
            self._splits[splits_of(name)] = read_splits(self._file, path, name)
        self._ones = {
            name: self._file[name][:] for name in targets if name not in _lists(targets)
        }
        self._names = _lists(targets)

    def read(self, indices: np.ndarray) -> dict[str, tuple[np.ndarray, ...]]:
        """Reads some windows.

        Args:
            indices: int64 `(n,)`.

        Returns:
            For `input_ids`, `token_type_ids` and each target that is a list, the
            values of one window behind the other and their numbers, int64 `(n,)`;
            for other targets the values `(n,)`.
        """
        columns = dict.fromkeys(_TOKENS, "row_splits")
        columns |= {name: splits_of(name) for name in self._names}
        found: dict[str, tuple[np.ndarray, ...]] = {}
        for name, splits in columns.items():
            starts = self._splits[splits][indices]
            ends = self._splits[splits][indices + 1]
            found[name] = _read_rows(self._file[name], starts, ends), ends - starts
        return found | {name: (ones[indices],) for name, ones in self._ones.items()}

    def kept(self) -> Iterator[str]:
        """What `to_json` made of each example; "" for its further windows."""
        column = self._file["example"].asstr()
        for start in range(0, len(column), _BUFFERED):
            yield from column[start : start + _BUFFERED]


class _PatientFile(io.FileIO):
    """A file that keeps the first error of a write, and claims that all went well.

    HDF5 brings the whole process down when a write fails while it closes a
    file. Told nothing, it closes it in peace; then `error` can be raised.
    """

    error: OSError | None = None

    def write(self, data):
        rest = memoryview(data)
        try:
            while rest and self.error is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return len(data)

    def truncate(self, size=None):
        return super().truncate(size) if self.error is None else size


def _read_rows(dataset, starts, ends):
    """Rows one behind the other; those near each other in the file in one go."""
    # An empty row starts where the next one does, and must come before it.
    order = np.lexsort((ends, starts))
    is_far = starts[order][1:] - ends[order][:-1] > _GAP
    rows: list = [None] * len(order)
    for run in np.split(order, np.flatnonzero(is_far) + 1):
        first = starts[run[0]]
        tokens = dataset[first : ends[run[-1]]]
        for row in run:
            rows[row] = tokens[starts[row] - first : ends[row] - first]
    values = np.concatenate(rows)
    return values if values.dtype == "float32" else values.astype("int32")


def _lists(targets):
    return [name for name, target in targets.items() if target.is_list]
