"""Records: what is written comes back, to other tools too, or is called damaged."""

import collections
import dataclasses
import json
import pathlib
import struct
import tempfile

import h5py
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_records import prepare, rows_of_lengths, tokenizer
from transformers import BertConfig

from bert_cpu import storage
from bert_cpu.data.example import Example
from bert_cpu.data.features import Features
from bert_cpu.data.hdf5 import HDF5Reader, HDF5Writer
from bert_cpu.data.manifest import is_prepared, load_manifest, save_manifest
from bert_cpu.data.tfrecords import TFRecordWriter, parse_records, read_texts
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import Checkpoint
from bert_cpu.settings import PrepareSettings
from bert_cpu.training.records import make_records, open_records
from bert_cpu.training.screen import Screen

FORMATS = ("tfrecord", "hdf5")
# What HDF5 strings can't hold, a NUL, is in no text that a source gives.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@dataclasses.dataclass(frozen=True)
class Row:
    ids: tuple[int, ...]
    types: tuple[int, ...]
    label: int
    text: str = "a"
    text_pair: str | None = None

    @property
    def features(self):
        example = Example(self.text, self.text_pair, "label", "position")
        return Features(example, list(self.ids), list(self.types), False)


@st.composite
def any_row(draw):
    tokens = st.tuples(st.integers(0, 250_000), st.integers(0, 1))
    ids, types = zip(*draw(st.lists(tokens, min_size=1, max_size=40)), strict=True)
    # A second text of no characters is written as none at all.
    pair = draw(st.none() | TEXTS.filter(bool))
    return Row(ids, types, draw(st.integers(0, 999)), draw(TEXTS), pair)


def write(writer, rows, texts=False):
    with writer:
        for row in rows:
            writer.write(row.features, row.label, texts)
    return writer.shard_examples


def rows_of_batch(batch):
    columns = (batch[name].to_list() for name in ("input_ids", "token_type_ids"))
    ids, types = columns
    return [
        Row(tuple(i), tuple(t), label)
        for i, t, label in zip(ids, types, batch["label"].numpy(), strict=True)
    ]


def split_rows(ids, types, lengths, labels):
    ends = np.cumsum(lengths)
    return [
        Row(tuple(ids[end - n : end]), tuple(types[end - n : end]), label)
        for end, n, label in zip(ends, lengths, labels, strict=True)
    ]


def without_texts(rows):
    return [dataclasses.replace(row, text="a", text_pair=None) for row in rows]


def in_order(rows):
    return sorted(rows, key=lambda row: (row.ids, row.types, row.label))


# TensorFlow opens a file in ten milliseconds.
@settings(max_examples=20)
@given(st.lists(any_row(), max_size=8), st.integers(3, 8))
def test_tfrecords_give_back_what_was_written(rows, shard_size):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        writer = TFRecordWriter(directory, "test", len(rows), shard_size)
        shards = write(writer, rows, texts=True)
        paths = [directory / name for name in sorted(shards)]
        actual, texts = [], list(read_texts(paths))
        for path in paths:
            records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
            assert len(records) == shards[path.name]
            if records:
                actual += rows_of_batch(parse_records(records))
    assert len(actual) == sum(shards.values())
    both = [
        dataclasses.replace(row, text=text, text_pair=pair)
        for row, (text, pair) in zip(actual, texts, strict=True)
    ]
    assert collections.Counter(both) == collections.Counter(rows)


@given(st.lists(any_row(), min_size=1, max_size=12), st.randoms())
def test_hdf5_gives_back_what_was_written(rows, random):
    indices = [random.randrange(len(rows)) for _ in rows]
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        shards = write(HDF5Writer(directory, "test"), rows, texts=True)
        reader = HDF5Reader(directory / "test.h5")
        actual = split_rows(*reader.read(np.array(indices)))
        texts = list(reader.texts())
    assert shards == {"test.h5": len(rows)}
    assert actual == without_texts([rows[index] for index in indices])
    assert texts == [(row.text, row.text_pair) for row in rows]


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
    shards = write(TFRecordWriter(tmp_path, "train", len(rows), 50), rows)
    assert sorted(shards) == [f"train-{i:05d}-of-00004.tfrecord" for i in range(4)]
    schema = {
        "input_ids": tf.io.VarLenFeature(tf.int64),
        "token_type_ids": tf.io.VarLenFeature(tf.int64),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }
    actual = []
    for name in shards:
        for record in tf.data.TFRecordDataset(str(tmp_path / name)):
            parsed = tf.io.parse_single_example(record, schema)
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
    write(HDF5Writer(tmp_path, "train"), rows)
    with h5py.File(tmp_path / "train.h5") as file:
        starts = file["row_splits"][:]
        ids, types, labels = (
            file[name][:] for name in ("input_ids", "token_type_ids", "label")
        )
        assert len(file["text"]) == len(file["text_pair"]) == 0
    assert (starts[0], starts[-1]) == (0, len(ids))
    assert len(ids) == len(types)
    assert split_rows(ids, types, np.diff(starts), labels) == rows


def test_hdf5_reads_neighbours_at_once(tmp_path, monkeypatch):
    rows = make_rows(3000)
    write(HDF5Writer(tmp_path, "train"), rows)
    reader = HDF5Reader(tmp_path / "train.h5")
    reads = []
    get = h5py.Dataset.__getitem__
    monkeypatch.setattr(
        h5py.Dataset, "__getitem__", lambda *a: reads.append(a) or get(*a)
    )
    order = np.random.default_rng(0).permutation(3000)[:2000]
    actual = split_rows(*reader.read(order))
    assert actual == [rows[index] for index in order]
    assert len(reads) == 2


def test_hdf5_does_not_read_what_stands_between_distant_rows(tmp_path, monkeypatch):
    rows = make_rows(3000)
    write(HDF5Writer(tmp_path, "train"), rows)
    reader = HDF5Reader(tmp_path / "train.h5")
    sizes = []
    get = h5py.Dataset.__getitem__

    def counting(dataset, key):
        sizes.append(key.stop - key.start)
        return get(dataset, key)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counting)
    assert split_rows(*reader.read(np.array([2999, 0]))) == [rows[2999], rows[0]]
    assert sorted(sizes) == sorted(len(rows[i].ids) for i in (0, 0, 2999, 2999))


def test_sorted_examples_are_dealt_evenly(tmp_path):
    """Whoever sorts a csv by label must not train on one label after the other."""
    rows = [Row((label,), (0,), label) for label in (0, 1, 2) for _ in range(1000)]
    shards = write(TFRecordWriter(tmp_path, "train", len(rows), 500), rows)
    assert len(shards) == 6
    for name, count in shards.items():
        records = list(
            tf.data.TFRecordDataset(str(tmp_path / name)).as_numpy_iterator()
        )
        labels = parse_records(records)["label"].numpy()
        # Five standard deviations of a fair deal of 1,000 to six shards.
        assert np.all(np.abs(np.bincount(labels, minlength=3) - 1000 / 6) < 59)
        assert abs(count - 500) < 102


@pytest.mark.parametrize("count, size, least", [(501, 1, "2"), (2_000_000, 1, "4,000")])
def test_too_many_shards_are_refused(tmp_path, count, size, least):
    with pytest.raises(UserError) as refusal:
        TFRecordWriter(tmp_path, "train", count, size)
    assert str(refusal.value) == (
        f"--shard-size is {size}, so train would have {count:,} shards, but 500 at "
        f"most are written at once. Ask for {least} or more."
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(
    not pathlib.Path("/dev/full").exists(), reason="Linux's disk that is always full"
)
@pytest.mark.parametrize("record_format", FORMATS)
def test_a_really_full_disk_is_one_line(tmp_path, record_format):
    if record_format == "hdf5":
        (tmp_path / "train.h5").symlink_to("/dev/full")
        writer, written = HDF5Writer(tmp_path, "train"), tmp_path / "train.h5"
    else:
        (tmp_path / "train-00000-of-00001.tfrecord").symlink_to("/dev/full")
        writer, written = TFRecordWriter(tmp_path, "train", 1, 9), tmp_path
    with pytest.raises(UserError) as refusal:
        write(writer, make_rows(5000, longest=200))
    message = str(refusal.value)
    assert message.startswith(f"The disk is full: '{written}' could not be written (")
    assert message.endswith(" MB are free). Make room, then run the command again.")


# --- What a directory of records says, and what is checked of it. ---


@pytest.fixture(scope="module", params=FORMATS)
def original(request, tmp_path_factory):
    """Prepared records of 40 texts; one shard or file a split."""
    directory = tmp_path_factory.mktemp("records") / request.param
    rows = rows_of_lengths([5 + number % 6 for number in range(40)])
    return prepare(directory, rows, record_format=request.param, max_length=16)


@pytest.fixture
def records(original, tmp_path):
    """A copy of `original`, to be damaged."""
    directory = tmp_path / "records"
    directory.mkdir()
    for path in original.directory.iterdir():
        (directory / path.name).write_bytes(path.read_bytes())
    return dataclasses.replace(original, directory=directory)


class Listener(Screen):
    """A screen that remembers what it was told."""

    def __init__(self):
        super().__init__(quiet=True)
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def checkpoint(positions=40, **settings):
    config = BertConfig(max_position_embeddings=positions)
    directory = pathlib.Path("here")
    return Checkpoint("tiny", directory, config, tokenizer(**settings))


def open_(directory, encoder=None, screen=None, **wishes):
    wishes = PrepareSettings(data=str(directory), **wishes)
    own = pathlib.Path("not/there")
    return open_records(wishes, own, encoder or checkpoint(), screen or Listener())


def refusal_of(records, encoder=None):
    with pytest.raises(UserError) as refusal:
        open_(records.directory, encoder)
    message = str(refusal.value)
    assert "\n" not in message
    return message


def shard_of(records, split="test"):
    (name,) = records.splits[split].shards
    return records.directory / name


def test_a_manifest_comes_back_as_it_was_saved(records):
    assert load_manifest(records.directory) == records
    assert is_prepared(str(records.directory))
    assert not is_prepared(str(records.directory.parent))


def test_whole_records_are_opened_and_their_losses_told(records):
    screen = Listener()
    splits = dict(records.splits)
    splits["test"] = dataclasses.replace(splits["test"], cut_texts=1200, empty_texts=3)
    save_manifest(dataclasses.replace(records, splits=splits))
    opened = open_(records.directory, screen=screen)
    assert opened.splits == splits
    assert screen.lines == [
        "test: 40 examples; 1,200 texts were longer than 16 tokens and cut, "
        "3 were empty and left out"
    ]


def test_the_runs_own_records_are_opened_again(records):
    gone = PrepareSettings(data="gone.csv")
    opened = open_records(gone, records.directory, checkpoint(), Listener())
    assert opened == records


def test_the_fingerprint_is_that_of_the_content(records):
    before = records.fingerprint
    assert before == load_manifest(records.directory).fingerprint
    save_manifest(dataclasses.replace(records, source="other"))
    assert records.fingerprint != before


def record_starts(path):
    """Where records start: length, its CRC, the record, its CRC."""
    content, starts = path.read_bytes(), [0]
    while starts[-1] < len(content):
        (length,) = struct.unpack_from("<Q", content, starts[-1])
        starts.append(starts[-1] + 8 + 4 + length + 4)
    return starts


def flip(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x10
    path.write_bytes(content)


# In the length, in its CRC, in the record, in the record's CRC.
@pytest.mark.parametrize("within", [0, 9, 20, -1])
@pytest.mark.parametrize("number", [0, 25, 39])
@pytest.mark.parametrize("original", ["tfrecord"], indirect=True)
def test_a_wrong_crc_is_found_at_its_byte(records, number, within):
    path = shard_of(records)
    starts = record_starts(path)
    flip(path, starts[number + (within < 0)] + within)
    assert refusal_of(records) == (
        f"'{path}' is damaged: the record at byte {starts[number]:,} has a wrong CRC "
        "or is cut off. Prepare the data again."
    )


def test_a_shard_that_is_cut_off_is_found_at_its_byte(records):
    path = shard_of(records)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 7])
    message = refusal_of(records)
    if records.record_format == "hdf5":
        assert message == (
            f"'{path}' has {len(content) - 7:,} bytes, but {len(content):,} were "
            "written. Prepare the data again."
        )
    else:
        path.write_bytes(content)
        assert message == (
            f"'{path}' is damaged: the record at byte {record_starts(path)[-2]:,} has "
            "a wrong CRC or is cut off. Prepare the data again."
        )


def test_a_shard_that_lost_whole_records_is_refused_by_its_size(records):
    path = shard_of(records)
    size = path.stat().st_size
    kept = record_starts(path)[-2] if path.suffix == ".tfrecord" else size - 100
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal_of(records) == (
        f"'{path}' has {kept:,} bytes, but {size:,} were written. Prepare the data "
        "again."
    )


def test_a_changed_shard_whose_records_are_whole_is_refused_by_its_digest(records):
    path = shard_of(records)
    before = storage.sha256_of(path)
    if path.suffix == ".tfrecord":
        first, second, *_ = record_starts(path)[1:]
        content = path.read_bytes()
        # Two records change places.
        content = content[first:second] + content[:first] + content[second:]
        path.write_bytes(content)
    else:
        flip(path, path.stat().st_size // 2)
    after = storage.sha256_of(path)
    assert refusal_of(records) == (
        f"'{path}' has sha256 {after[:12]}…, but {before[:12]}… was written: it was "
        "changed since. Prepare the data again."
    )


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_missing_shard_is_named(records, split):
    path = shard_of(records, split)
    path.unlink()
    assert refusal_of(records) == f"'{path}' is missing. Prepare the data again."


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"version": 2}, "has format 'bert_cpu.records', version 2, but"),
        ({"format": "other"}, "has format 'other', version 1, but"),
        ({"splits": None}, "has other fields than were written (AttributeError: "),
        ({"splits": {"test": {}}}, "has other fields than were written (KeyError: '"),
        ({"labels": None}, "has other fields than were written (TypeError: "),
        ({"surprise": 1}, "has other fields than were written (TypeError: "),
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(records, change, complaint):
    path = records.directory / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    message = refusal_of(records)
    assert message.startswith(f"'{path}' {complaint}")
    assert message.endswith(". Prepare the data again.")


def test_a_manifest_that_is_not_json_is_refused(records):
    path = records.directory / "manifest.json"
    path.write_text(path.read_text()[:-3])
    message = refusal_of(records)
    assert message.startswith(f"'{path}' is not JSON (Expecting ")
    assert message.endswith("). Prepare the data again.")


def test_records_of_another_tokenizer_are_refused(records):
    assert refusal_of(records, checkpoint(do_lower_case=False)) == (
        f"'{records.directory}' was prepared with another tokenizer than that of "
        "'tiny'. Prepare it again with --encoder tiny."
    )


def test_records_longer_than_the_encoder_are_refused(records):
    open_(records.directory, checkpoint(positions=16))
    assert refusal_of(records, checkpoint(positions=15)) == (
        "--max-length is 16, but 'tiny' has only 15 positions. Ask for 15 or fewer."
    )


@pytest.mark.parametrize(
    "wish, flag, made_with",
    [
        ({"max_length": 17}, "--max-length is 17", "16"),
        ({"normalize": True}, "--normalize is True", "False"),
        ({"stem": "english"}, "--stem is english", "none"),
    ],
)
def test_options_that_come_too_late_are_refused(records, wish, flag, made_with):
    with pytest.raises(UserError) as refusal:
        open_(records.directory, **wish)
    assert str(refusal.value) == (
        f"{flag}, but '{records.directory}' was prepared with {made_with}. Leave the "
        "option out, or prepare the data again."
    )


def test_options_that_the_records_were_made_with_are_accepted(records):
    assert open_(records.directory, max_length=16, stem="none") == records


def test_records_without_a_split_are_refused(records):
    splits = {name: records.splits[name] for name in ("train", "test")}
    save_manifest(dataclasses.replace(records, splits=splits))
    assert refusal_of(records) == (
        f"'{records.directory}' has no validation split. Prepare it again."
    )


def test_too_long_a_length_is_refused_before_anything_is_read(tmp_path):
    too_long = PrepareSettings(data="not/there.csv", max_length=41)
    with pytest.raises(UserError) as refusal:
        make_records(too_long, tmp_path / "records", checkpoint(), Listener())
    assert str(refusal.value) == (
        "--max-length is 41, but 'tiny' has only 40 positions. Ask for 40 or fewer."
    )


def test_a_file_becomes_records_where_there_are_none(tmp_path):
    rows = rows_of_lengths([5] * 60)
    text = "text,label\n" + "\n".join(",".join(row) for row in rows)
    (tmp_path / "a.csv").write_text(text)
    given_file = PrepareSettings(data=str(tmp_path / "a.csv"), max_length=4)
    screen = Listener()
    made = open_records(given_file, tmp_path / "records", checkpoint(), screen)
    assert load_manifest(tmp_path / "records") == made
    assert sum(split.examples for split in made.splits.values()) == 60
    assert [line.split(":")[0] for line in screen.lines] == [
        "train",
        "validation",
        "test",
    ]


def test_only_the_test_split_keeps_its_texts(original):
    if original.record_format == "hdf5":
        with h5py.File(shard_of(original, "train")) as file:
            assert len(file["text"]) == 0
    else:
        assert list(read_texts([shard_of(original, "train")])) == [("", None)] * 40
