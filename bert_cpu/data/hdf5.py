"""Features in HDF5, for tools that read it: one file a split, the same schema.

A sequence of length `n` is `n` neighbours in the flat arrays `input_ids` and
`token_type_ids`; `row_splits[i]` is where sequence `i` starts.
"""

import contextlib
import io
import pathlib
from collections.abc import Iterator

import h5py
import numpy as np

from bert_cpu import storage
from bert_cpu.data.features import Features

# Examples between two writes, and bytes in a chunk of the file.
_BUFFERED = 4096
_CHUNK = 65_536
# Sequences that stand at most so many tokens apart are read at once.
_GAP = 1024


class HDF5Writer(contextlib.AbstractContextManager):
    """Writes the examples of one split, in order, holding only a few of them.

    Args:
        directory: where the file goes.
        split: str. The file is `<split>.h5`.

    Raises:
        UserError: if the disk is full.
    """

    def __init__(self, directory: pathlib.Path, split: str):
        self._path = directory / f"{split}.h5"
        with storage.full_disk_is_the_users(self._path):
            self._disk = _PatientFile(self._path, "w+")
        self._file = h5py.File(self._disk, "w")
        for name, dtype in (
            ("input_ids", "int32"),
            ("token_type_ids", "int8"),
            ("label", "int32"),
            ("row_splits", "int64"),
            ("text", h5py.string_dtype()),
            ("text_pair", h5py.string_dtype()),
        ):
            self._file.create_dataset(
                name, (0,), dtype, maxshape=(None,), chunks=(_CHUNK,)
            )
        self._waiting: dict[str, list] = {name: [] for name in self._file}
        self._waiting["row_splits"].append(0)
        self._num_tokens = 0
        self.shard_examples = {self._path.name: 0}

    def write(self, features: Features, label: int, texts: bool = False) -> None:
        """Adds one example, with its texts where a report will show them."""
        self._num_tokens += len(features.input_ids)
        self._waiting["input_ids"].extend(features.input_ids)
        self._waiting["token_type_ids"].extend(features.token_type_ids)
        self._waiting["row_splits"].append(self._num_tokens)
        self._waiting["label"].append(label)
        if texts:
            self._waiting["text"].append(features.example.text)
            self._waiting["text_pair"].append(features.example.text_pair or "")
        self.shard_examples[self._path.name] += 1
        if len(self._waiting["label"]) == _BUFFERED:
            self._flush()

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
    """Reads the examples of one split by their numbers.

    Args:
        path: of the file that `HDF5Writer` wrote. It is opened here and stays
            open as long as the reader lives.
    """

    def __init__(self, path: pathlib.Path):
        self._file = h5py.File(path, "r")
        self._row_splits = self._file["row_splits"][:]
        self._labels = self._file["label"][:]

    def read(self, indices: np.ndarray) -> tuple[np.ndarray, ...]:
        """Reads some examples.

        Args:
            indices: int64 `(n,)`.

        Returns:
            `input_ids` and `token_type_ids`, int32, one example behind the
            other; `lengths`, int64 `(n,)`; `label`, int32 `(n,)`.
        """
        starts, ends = self._row_splits[indices], self._row_splits[indices + 1]
        ids, types = (
            _read_rows(self._file[name], starts, ends)
            for name in ("input_ids", "token_type_ids")
        )
        return ids, types, ends - starts, self._labels[indices]

    def texts(self) -> Iterator[tuple[str, str | None]]:
        """The texts (and second texts) of a split that was written with them."""
        columns = [self._file[name].asstr() for name in ("text", "text_pair")]
        for start in range(0, len(self._labels), _BUFFERED):
            firsts, seconds = (column[start : start + _BUFFERED] for column in columns)
            for first, second in zip(firsts, seconds, strict=True):
                yield first, second or None


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
    order = np.argsort(starts)
    is_far = starts[order][1:] - ends[order][:-1] > _GAP
    rows: list = [None] * len(order)
    for run in np.split(order, np.flatnonzero(is_far) + 1):
        first = starts[run[0]]
        tokens = dataset[first : ends[run[-1]]]
        for row in run:
            rows[row] = tokens[starts[row] - first : ends[row] - first]
    return np.concatenate(rows).astype("int32")
