"""Texts by meaning: an exact search over their vectors, without TensorFlow."""

import dataclasses
import itertools
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import numpy as np

from bert_cpu import storage
from bert_cpu.errors import UserError

FORMAT = "bert_cpu.vector_index"

_REMEDY = "Delete the index; the next search builds it again."
# On disk and in every machine's memory alike: little-endian.
_DTYPES = {"float32": "<f4", "float16": "<f2"}
# Rows of the index that are compared at once, and with how many queries.
_ROWS = 2**15
_QUERIES = 32
# What a cosine of the fast product may be off by. Its last digits depend on where a
# row stands in its block, so those near the best are computed again.
_SLACK = 1e-4


@dataclasses.dataclass(frozen=True, slots=True)
class Hit:
    """A text that was found."""

    rank: int  # From 1.
    score: float  # Cosine.
    text: str
    row: int  # Its place in the index, from 0.


class VectorIndex:
    """Finds the texts whose vectors point most nearly where a query's does.

    Every vector is looked at, so that nothing is missed: a third of a second for a
    million of 384 numbers. They stay on the disk, mapped into memory.

    Make it with `VectorIndex.write`, open it with `VectorIndex.open`.

    Attributes:
        texts: what was indexed, by row.
        dim: numbers in a vector.
        source: what `write` was told of where texts and vectors come from.

    Example:
    >>> VectorIndex.write("films.index", [("dull", [0, 1]), ("lovely", [1, 0])])
    >>> index = VectorIndex.open("films.index")
    >>> next(index.search([[0.9, 0.1]], top=1))
    [Hit(rank=1, score=0.9938837..., text='lovely', row=1)]
    """

    def __init__(self, texts: list[str], vectors: np.ndarray, source: dict[str, Any]):
        self.texts = texts
        self.dim: int = vectors.shape[1]
        self.source = source
        self._vectors = vectors

    @staticmethod
    def write(
        directory: str | os.PathLike[str],
        rows: Iterable[tuple[str, Any]],
        source: Mapping[str, Any] | None = None,
        dtype: Literal["float32", "float16"] = "float32",
    ) -> None:
        """Writes an index in constant memory, in place of one that may be there.

        Args:
            directory: of the index. It is whole or not there.
            rows: texts and their vectors, `(dim,)` of any length but zero.
            source: what to remember, such as digests of model and texts.
            dtype: of a vector's numbers. float16 halves the index, makes a search
                slower, and changes a cosine by less than 0.001.

        Raises:
            UserError: if there are no rows, if a vector has another size than the
                first, or no direction; if `directory` holds something else.
        """
        directory = pathlib.Path(directory)
        _check_may_replace(directory)
        with storage.new_directory(directory) as aside:
            count = dim = 0
            with (
                open(aside / "vectors.bin", "wb") as vectors,
                open(aside / "texts.jsonl", "w", encoding="utf-8") as texts,
            ):
                for count, (text, vector) in enumerate(rows, start=1):
                    unit = _unit(vector, f"Text {count}")
                    dim = dim or len(unit)
                    _check_dim(len(unit), dim, f"Text {count}")
                    vectors.write(unit.astype(_DTYPES[dtype]).tobytes())
                    texts.write(json.dumps(text, ensure_ascii=False) + "\n")
            if count == 0:
                raise UserError("There is no text to index. Give at least one.")
            description = {
                "format": FORMAT,
                "version": 1,
                "count": count,
                "dim": dim,
                "dtype": dtype,
                "source": dict(source or {}),
                "files": storage.describe_files(aside, ["texts.jsonl", "vectors.bin"]),
            }
            storage.write_json(aside / "index.json", description)

    @classmethod
    def open(cls, directory: str | os.PathLike[str]) -> "VectorIndex":
        """Checks an index's files and opens them.

        Raises:
            UserError: if a file is missing, was changed, or is of another version.
        """
        directory = pathlib.Path(directory)
        path = directory / "index.json"
        description = storage.read_description(path, FORMAT, _REMEDY)
        _check_description(description, path)
        storage.check_files(directory, description["files"], _REMEDY)
        with open(directory / "texts.jsonl", encoding="utf-8") as lines:
            texts = [json.loads(line) for line in lines]
        shape = (description["count"], description["dim"])
        dtype = np.dtype(_DTYPES[description["dtype"]])
        size = description["files"]["vectors.bin"]["size"]
        if len(texts) != shape[0] or size != shape[0] * shape[1] * dtype.itemsize:
            raise UserError(
                f"'{path}' says {shape[0]:,} vectors of {shape[1]:,} numbers, but its "
                f"files hold {len(texts):,} texts and {size:,} bytes. {_REMEDY}"
            )
        vectors = np.memmap(directory / "vectors.bin", dtype, "r", shape=shape)
        return cls(texts, vectors, description["source"])

    def __len__(self) -> int:
        return len(self.texts)

    def search(self, queries: Iterable[Any], top: int = 10) -> Iterator[list[Hit]]:
        """Finds the nearest texts of each query, in constant memory.

        Args:
            queries: vectors `(dim,)` of any length but zero, however many.
            top: hits a query, if the index has that many.

        Yields:
            For each query its hits, the nearest first; of equal scores the text
            that was indexed first.

        Raises:
            UserError: if `top` is under 1, or a vector has another size than those
                of the index, or no direction.
        """
        if top < 1:
            raise UserError(f"--top is {top}, but must be 1 or more.")
        numbered = enumerate(queries, start=1)
        while waiting := list(itertools.islice(numbered, _QUERIES)):
            units = []
            for number, vector in waiting:
                units.append(_unit(vector, f"Query {number}"))
                self._check_query(units[-1], number)
            for scores, rows in self._nearest(np.stack(units), top):
                yield [
                    Hit(rank, float(score), self.texts[row], int(row))
                    for rank, (score, row) in enumerate(
                        zip(scores, rows, strict=True), start=1
                    )
                ]

    def _check_query(self, unit, number):
        if len(unit) != self.dim:
            raise UserError(
                f"Query {number} has {len(unit):,} numbers, but the index has vectors "
                f"of {self.dim:,}. Ask with the model that built the index."
            )

    def _nearest(self, queries, top):
        """For each query float64 scores and rows, both `(<= top,)`."""
        best = [(np.empty(0), np.empty(0, np.int64)) for _ in queries]
        for start in range(0, len(self), _ROWS):
            block = np.asarray(self._vectors[start : start + _ROWS], np.float32)
            cosines = queries @ block.T  # (queries, rows)
            for index, query in enumerate(queries):
                rows = _candidates(cosines[index], top)
                # Each row is summed by itself: equal vectors get equal scores.
                exact = (block[rows].astype(np.float64) * query).sum(axis=1)
                scores = np.concatenate([best[index][0], exact])
                rows = np.concatenate([best[index][1], rows + start])
                # Earlier rows come first here, and a stable sort leaves it so.
                order = np.argsort(-scores, kind="stable")[:top]
                best[index] = scores[order], rows[order]
        return best


def _candidates(cosines, top):
    """Rows, ascending, of all that may be among the best."""
    if top >= len(cosines):
        return np.arange(len(cosines))
    threshold = np.partition(cosines, -top)[-top]
    return np.flatnonzero(cosines >= threshold - _SLACK)


def _unit(vector, which):
    """The vector as float32 of length 1."""
    vector = np.asarray(vector, np.float32)
    length = np.linalg.norm(vector)
    if not (np.isfinite(length) and length > 0):
        raise UserError(
            f"{which} has a vector of length {length}, which points nowhere. Convert "
            "the model again."
        )
    return vector / length


def _check_dim(found, expected, which):
    if found != expected:
        raise UserError(
            f"{which} has a vector of {found:,} numbers, but the first has "
            f"{expected:,}. Use one model for all texts."
        )


def _check_may_replace(directory):
    """Refuses a directory that is something else: it would be deleted."""
    if not directory.exists():
        return
    if directory.is_dir():
        if not any(directory.iterdir()):
            return
        if (directory / "index.json").is_file():
            storage.read_description(directory / "index.json", FORMAT, _REMEDY)
            return
    raise UserError(
        f"'{directory}' is there and is no index, so it is left as it is. Choose "
        "another directory."
    )


def _check_description(description, path):
    for field, is_good in _FIELDS.items():
        if field not in description:
            raise UserError(f"'{path}' has no '{field}'. {_REMEDY}")
        if not is_good(description[field]):
            shown = json.dumps(description[field], ensure_ascii=False)[:40]
            raise UserError(
                f"'{path}' says that {field} is {shown}, which no index has. {_REMEDY}"
            )


_FIELDS = {
    "count": lambda count: type(count) is int and count >= 1,
    "dim": lambda dim: type(dim) is int and dim >= 1,
    "dtype": lambda dtype: dtype in _DTYPES if isinstance(dtype, str) else False,
    "source": lambda source: isinstance(source, dict),
    "files": lambda files: (
        isinstance(files, dict) and {"texts.jsonl", "vectors.bin"} <= files.keys()
    ),
}
