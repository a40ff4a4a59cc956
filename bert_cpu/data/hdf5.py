"""Features in HDF5, for tools that read it: one file a split, the same schema.

A sequence of length `n` is `n` neighbours in the flat arrays `input_ids` and
`token_type_ids`; `row_splits[i]` is where sequence `i` starts.
"""

import contextlib
import pathlib

import h5py
import numpy as np

from bert_cpu import storage
from bert_cpu.data.features import Features

# Examples between two writes, and bytes in a chunk of the file.
_BUFFERED = 4096
_CHUNK = 65_536


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
        self._file = h5py.File(self._path, "w")
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

    def __exit__(self, *exception):
        with storage.full_disk_is_the_users(self._path):
            self._flush()
            self._file.close()

    def _flush(self):
        with storage.full_disk_is_the_users(self._path):
            for name, values in self._waiting.items():
                dataset = self._file[name]
                start = len(dataset)
                dataset.resize((start + len(values),))
                if values:
                    dataset[start:] = values
                values.clear()


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
            np.concatenate(
                [
                    self._file[name][start:end]
                    for start, end in zip(starts, ends, strict=True)
                ]
            ).astype("int32")
            for name in ("input_ids", "token_type_ids")
        )
        return ids, types, ends - starts, self._labels[indices]

    def texts(self) -> list[tuple[str, str | None]]:
        """The texts (and second texts) of a split that was written with them."""
        firsts, seconds = (
            self._file[name].asstr()[:] for name in ("text", "text_pair")
        )
        return [
            (first, second or None)
            for first, second in zip(firsts, seconds, strict=True)
        ]
