"""Records: what is written comes back, to other tools too, whatever the task."""

import collections
import contextlib
import dataclasses
import json
import pathlib
import tempfile

import h5py
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_cpu.data.features import Features, Window
from bert_cpu.data.hdf5 import HDF5Reader, HDF5Writer
from bert_cpu.data.pieces.shard_of import shard_of
from bert_cpu.data.serialize import Serializer
from bert_cpu.data.tfrecords import parse_records, read_kept
from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.target import Target

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


# One of each kind: a value and a list, of whole numbers and of others.
TARGETS = {
    "label": Target("int32"),
    "marks": Target("int32", is_list=True, padding=-100),
    "score": Target("float32"),
    "shares": Target("float32", is_list=True),
}
LABEL = {"label": TARGETS["label"]}
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@dataclasses.dataclass(frozen=True)
class Row:
    """What a record holds beside its example."""

    input_ids: tuple[int, ...]
    token_type_ids: tuple[int, ...]
    label: int
    marks: tuple[int, ...] = ()
    score: float = 0.0
    shares: tuple[float, ...] = ()

    @property
    def window(self):
        targets = {name: getattr(self, name) for name in TARGETS}
        return Window(list(self.input_ids), list(self.token_type_ids), targets)


@st.composite
def any_row(draw):
    tokens = st.tuples(st.integers(0, 250_000), st.integers(0, 1))
    ids, types = zip(*draw(st.lists(tokens, min_size=1, max_size=40)), strict=True)
    marks = draw(st.lists(st.integers(-100, 99), max_size=5))
    shares = draw(st.lists(NUMBERS, max_size=5))
    label, score = draw(st.integers(0, 999)), draw(NUMBERS)
    return Row(ids, types, label, tuple(marks), score, tuple(shares))


@st.composite
def any_example(draw):
    """A text, a second one, and its windows."""
    rows = draw(st.lists(any_row(), min_size=1, max_size=3))
    return draw(TEXTS), draw(st.none() | TEXTS), tuple(rows)


def alone(rows):
    """Examples of one window each."""
    return [("a", None, (row,)) for row in rows]


def write(writer, examples):
    with writer:
        for text, text_pair, rows in examples:
            example = Example(text, text_pair, ["x", 1], "position")
            windows = [row.window for row in rows]
            writer.write(Features(example, windows, False, False))
    return writer.shard_windows


class TFRecordWriter(contextlib.AbstractContextManager):
    """Deals examples to shards, as pieces of them are dealt."""

    def __init__(self, directory, split, targets, num_examples, shard_size):
        count = max(1, -(-num_examples // shard_size))
        names = [f"{split}-{i:05d}-of-{count:05d}.tfrecord" for i in range(count)]
        self._shards = [(directory / name).open("wb") for name in names]
        self._serialize, self._number = Serializer(targets), 0
        self.shard_windows = dict.fromkeys(names, 0)

    def write(self, features):
        shard = shard_of(self._number, len(self._shards))
        self._number += 1
        self._shards[shard].writelines(self._serialize(features))
        self.shard_windows[list(self.shard_windows)[shard]] += len(features.windows)

    def __exit__(self, *exception):
        for shard in self._shards:
            shard.close()


def rows_of(columns):
    """Lists (or values) of each record, by name -> rows."""
    columns = {
        name: [tuple(each) if np.ndim(each) else each for each in column]
        for name, column in columns.items()
    }
    values = zip(*columns.values(), strict=True)
    return [Row(**dict(zip(columns, each, strict=True))) for each in values]


def rows_of_tensors(parsed):
    return rows_of(
        {
            name: column.to_list() if hasattr(column, "to_list") else column.numpy()
            for name, column in parsed.items()
        }
    )


def rows_of_arrays(found):
    return rows_of(
        {
            name: np.split(column[0], np.cumsum(column[1])[:-1])
            if len(column) == 2
            else column[0]
            for name, column in found.items()
        }
    )


def examples_of(rows, kept):
    """Puts the records of each example together again: further ones keep no text."""
    examples = []
    for row, line in zip(rows, kept, strict=True):
        if line:
            fields = json.loads(line)
            assert fields.pop("label") == ["x", 1]
            examples.append((fields["text"], fields["text_pair"], (row,)))
        else:
            text, text_pair, before = examples[-1]
            examples[-1] = text, text_pair, (*before, row)
    return examples


def in_order(rows):
    return sorted(rows, key=lambda row: (row.input_ids, row.token_type_ids, row.label))


# TensorFlow opens a file in ten milliseconds.
@settings(max_examples=20)
@given(st.lists(any_example(), max_size=6), st.integers(3, 8), st.integers(1, 4))
def test_tfrecords_give_back_what_was_written(examples, shard_size, at_once):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        writer = TFRecordWriter(directory, "test", TARGETS, len(examples), shard_size)
        shards = write(writer, examples)
        paths = [directory / name for name in sorted(shards)]
        rows, kept = [], list(read_kept(paths, at_once))
        for path in paths:
            records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
            assert len(records) == shards[path.name]
            if records:
                rows += rows_of_tensors(parse_records(records, TARGETS))
    assert len(rows) == sum(shards.values())
    actual = collections.Counter(examples_of(rows, kept))
    assert actual == collections.Counter(examples)


@given(st.lists(any_example(), min_size=1, max_size=8), st.randoms())
def test_hdf5_gives_back_what_was_written(examples, random):
    rows = [row for _, _, windows in examples for row in windows]
    indices = [random.randrange(len(rows)) for _ in rows]
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        shards = write(HDF5Writer(directory, "test", TARGETS), examples)
        reader = HDF5Reader(directory / "test.h5", TARGETS)
        actual = rows_of_arrays(reader.read(np.array(indices)))
        kept = list(reader.kept())
    assert shards == {"test.h5": len(rows)}
    assert actual == [rows[index] for index in indices]
    assert examples_of(rows, kept) == examples


@pytest.mark.parametrize("indices", [[0, 1], [1, 0], [1, 2, 0], [2, 1, 0, 1]])
def test_hdf5_finds_lists_behind_empty_ones(tmp_path, indices):
    rows = [Row((1,), (0,), 0, marks) for marks in ((), (4, 5), ())]
    write(HDF5Writer(tmp_path, "test", TARGETS), alone(rows))
    found = HDF5Reader(tmp_path / "test.h5", TARGETS).read(np.array(indices))
    assert rows_of_arrays(found) == [rows[index] for index in indices]


def make_rows(count, longest=30):
    random = np.random.default_rng(0)
    return [
        Row(
            tuple(random.integers(0, 30_000, length)),
            tuple(int(position > 5) for position in range(length)),
            int(random.integers(5)),
        )
        for length in random.integers(1, longest, count)
    ]


def test_plain_tensorflow_reads_the_shards(tmp_path):
    rows = make_rows(200)
    writer = TFRecordWriter(tmp_path, "train", LABEL, len(rows), 50)
    shards = write(writer, alone(rows))
    assert sorted(shards) == [f"train-{i:05d}-of-00004.tfrecord" for i in range(4)]
    schema = {
        "input_ids": tf.io.VarLenFeature(tf.int64),
        "token_type_ids": tf.io.VarLenFeature(tf.int64),
        "label": tf.io.FixedLenFeature([], tf.int64),
        "example": tf.io.FixedLenFeature([], tf.string),
    }
    actual = []
    for name in shards:
        for record in tf.data.TFRecordDataset(str(tmp_path / name)):
            parsed = tf.io.parse_single_example(record, schema)
            assert json.loads(parsed["example"].numpy())["text"] == "a"
            actual.append(
                Row(
                    tuple(tf.sparse.to_dense(parsed["input_ids"]).numpy()),
                    tuple(tf.sparse.to_dense(parsed["token_type_ids"]).numpy()),
                    int(parsed["label"]),
                )
            )
    assert in_order(actual) == in_order(rows)


# More than one buffer, a full one, and a part of one.
@pytest.mark.parametrize("count", [0, 4096, 9000])
def test_plain_h5py_reads_the_file(tmp_path, count):
    rows = make_rows(count, longest=6)
    write(HDF5Writer(tmp_path, "train", LABEL), alone(rows))
    with h5py.File(tmp_path / "train.h5") as file:
        starts = file["row_splits"][:]
        ids, types, labels = (
            file[name][:] for name in ("input_ids", "token_type_ids", "label")
        )
        kept = [json.loads(line)["text"] for line in file["example"]]
    assert (starts[0], starts[-1]) == (0, len(ids))
    assert len(ids) == len(types)
    assert kept == ["a"] * count
    lengths = np.diff(starts)
    found = {
        "input_ids": (ids, lengths),
        "token_type_ids": (types, lengths),
        "label": (labels,),
    }
    assert (rows_of_arrays(found) if count else []) == rows


def test_plain_h5py_reads_a_target_that_is_a_list(tmp_path):
    rows = [Row((1,), (0,), 0, marks) for marks in ((7, -100), (), (8,))]
    write(HDF5Writer(tmp_path, "train", TARGETS), alone(rows))
    with h5py.File(tmp_path / "train.h5") as file:
        assert file["marks"][:].tolist() == [7, -100, 8]
        assert file["marks_splits"][:].tolist() == [0, 2, 2, 3]


def test_hdf5_reads_neighbours_at_once(tmp_path, monkeypatch):
    rows = make_rows(3000)
    write(HDF5Writer(tmp_path, "train", LABEL), alone(rows))
    reader = HDF5Reader(tmp_path / "train.h5", LABEL)
    reads = []
    get = h5py.Dataset.__getitem__
    monkeypatch.setattr(
        h5py.Dataset, "__getitem__", lambda *a: reads.append(a) or get(*a)
    )
    order = np.random.default_rng(0).permutation(3000)[:2000]
    actual = rows_of_arrays(reader.read(order))
    assert actual == [rows[index] for index in order]
    assert len(reads) == 2


def test_hdf5_does_not_read_what_stands_between_distant_rows(tmp_path, monkeypatch):
    rows = make_rows(3000)
    write(HDF5Writer(tmp_path, "train", LABEL), alone(rows))
    reader = HDF5Reader(tmp_path / "train.h5", LABEL)
    sizes = []
    get = h5py.Dataset.__getitem__

    def counting(dataset, key):
        sizes.append(key.stop - key.start)
        return get(dataset, key)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counting)
    actual = rows_of_arrays(reader.read(np.array([2999, 0])))
    assert actual == [rows[2999], rows[0]]
    expected = (len(rows[i].input_ids) for i in (0, 0, 2999, 2999))
    assert sorted(sizes) == sorted(expected)


def test_sorted_examples_are_dealt_evenly(tmp_path):
    """Whoever sorts a csv by label must not train on one label after the other."""
    rows = [Row((label,), (0,), label) for label in (0, 1, 2) for _ in range(1000)]
    writer = TFRecordWriter(tmp_path, "train", LABEL, len(rows), 500)
    shards = write(writer, alone(rows))
    assert len(shards) == 6
    for name, count in shards.items():
        records = list(
            tf.data.TFRecordDataset(str(tmp_path / name)).as_numpy_iterator()
        )
        labels = parse_records(records, LABEL)["label"].numpy()
        # Five standard deviations of a fair deal of 1,000 to six shards.
        assert np.all(np.abs(np.bincount(labels, minlength=3) - 1000 / 6) < 59)
        assert abs(count - 500) < 102


@pytest.mark.skipif(
    not pathlib.Path("/dev/full").exists(), reason="Linux's disk that is always full"
)
def test_a_really_full_disk_is_one_line(tmp_path):
    (tmp_path / "train.h5").symlink_to("/dev/full")
    writer, written = HDF5Writer(tmp_path, "train", LABEL), tmp_path / "train.h5"
    with pytest.raises(UserError) as refusal:
        write(writer, alone(make_rows(5000, longest=200)))
    message = str(refusal.value)
    assert message.startswith(f"The disk is full: '{written}' could not be written (")
    assert message.endswith(" MB are free). Make room, then run the command again.")
