"""Prepared records are what they were and fit the run, or one line says why not."""

import dataclasses
import json
import pathlib
import struct

import pytest
from damaging import flip
from refusal import refusal_of
from tiny_records import prepare, rows_of_lengths, tokenizer
from transformers import BertConfig

from bert_cpu import storage
from bert_cpu.data.hdf5 import HDF5Reader
from bert_cpu.data.manifest import is_prepared, load_manifest, save_manifest
from bert_cpu.data.tfrecords import read_kept
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import Checkpoint
from bert_cpu.settings import PrepareSettings
from bert_cpu.task_catalog import make_task, task_of_records
from bert_cpu.tasks.classify import Classify
from bert_cpu.training.records import make_records, open_records
from bert_cpu.training.screen import Screen

FORMATS = ("tfrecord", "hdf5")


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
    encoder, screen = encoder or checkpoint(), screen or Listener()
    return open_records(wishes, make_task(wishes), own, encoder, screen)


def refused(records, encoder=None):
    return refusal_of(open_, records.directory, encoder)


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
    splits["test"] = dataclasses.replace(
        splits["test"], cut_texts=1200, empty_texts=3, unlabelled_texts=1176
    )
    save_manifest(dataclasses.replace(records, splits=splits))
    opened = open_(records.directory, screen=screen)
    assert opened.splits == splits
    assert screen.lines == [
        "test: 40 examples; 1,200 texts were longer than 16 tokens and cut, "
        "3 were empty and left out",
        f"test: 1,176 texts left out that '{records.source}' gives no label",
    ]


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_a_share_of_unknown_tokens_is_told_where_it_is_large(records, name):
    split = records.splits[name]
    own = split.tokens - 2 * split.windows
    told = "of the tokens are unknown to the vocabulary"
    worthless = ", so that its measures say little of the model"
    # Half of them may be unknown, unless another share is asked for.
    for unknown, most, ending in (
        (own // 20, 0.5, None),
        (own // 4, 0.5, ""),
        (own // 4, 0.2, "" if name == "train" else worthless),
        (own // 20, 0.01, None if name == "train" else worthless),
        (own, 0.5, "" if name == "train" else worthless),
    ):
        changed = dataclasses.replace(split, unknown_tokens=unknown)
        splits = records.splits | {name: changed}
        save_manifest(dataclasses.replace(records, splits=splits))
        screen = Listener()
        open_(records.directory, screen=screen, most_unknown=most)
        line = f"{name}: {unknown / own:.1%} {told}{ending}"
        assert screen.lines == ([] if ending is None else [line])


def test_the_runs_own_records_are_opened_again(records):
    gone = PrepareSettings(data="gone.csv")
    directory = records.directory
    opened = open_records(gone, Classify(), directory, checkpoint(), Listener())
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


# In the length, in its CRC, in the record, in the record's CRC.
@pytest.mark.parametrize("within", [0, 9, 20, -1])
@pytest.mark.parametrize("number", [0, 25, 39])
@pytest.mark.parametrize("original", ["tfrecord"], indirect=True)
def test_a_wrong_crc_is_found_at_its_byte(records, number, within):
    path = shard_of(records)
    starts = record_starts(path)
    flip(path, starts[number + (within < 0)] + within)
    assert refused(records) == (
        f"'{path}' is damaged: the record at byte {starts[number]:,} has a wrong "
        f"{'length' if 0 <= within < 12 else 'data'} CRC. Prepare the data again. Or "
        "leave damaged records out by --skip-damaged."
    )


def test_a_shard_that_is_cut_off_is_found_at_its_byte(records):
    path = shard_of(records)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 7])
    message = refused(records)
    if records.record_format == "hdf5":
        assert message == (
            f"'{path}' has {len(content) - 7:,} bytes, but {len(content):,} were "
            "written. Prepare the data again."
        )
    else:
        path.write_bytes(content)
        assert message == (
            f"'{path}' is damaged: the record at byte {record_starts(path)[-2]:,} is "
            "cut off. Prepare the data again. Or leave damaged records out by "
            "--skip-damaged."
        )


def test_a_shard_that_lost_whole_records_is_refused_by_its_size(records):
    path = shard_of(records)
    size = path.stat().st_size
    kept = record_starts(path)[-2] if path.suffix == ".tfrecord" else size - 100
    path.write_bytes(path.read_bytes()[:kept])
    assert refused(records) == (
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
    assert refused(records) == (
        f"'{path}' has sha256 {after[:12]}…, but {before[:12]}… was written: it was "
        "changed since. Prepare the data again."
    )


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_missing_shard_is_named(records, split):
    path = shard_of(records, split)
    path.unlink()
    assert refused(records) == f"'{path}' is missing. Prepare the data again."


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"version": 2}, "has format 'bert_cpu.records', version 2, but"),
        ({"format": "other"}, "has format 'other', version 1, but"),
        ({"splits": None}, "has other fields than were written (AttributeError: "),
        ({"splits": {"test": {}}}, "has other fields than were written (KeyError: '"),
        ({"labels": None}, "has other fields than were written (TypeError: "),
        ({"targets": []}, "has other fields than were written (AttributeError: "),
        (
            {"targets": {"label": {"kind": 1}}},
            "has other fields than were written (TypeError: ",
        ),
        ({"surprise": 1}, "has other fields than were written (TypeError: "),
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(records, change, complaint):
    path = records.directory / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    message = refused(records)
    assert message.startswith(f"'{path}' {complaint}")
    assert message.endswith(". Prepare the data again.")


def test_a_manifest_that_is_not_json_is_refused(records):
    path = records.directory / "manifest.json"
    path.write_text(path.read_text()[:-3])
    message = refused(records)
    assert message.startswith(f"'{path}' is not JSON (Expecting ")
    assert message.endswith("). Prepare the data again.")


def test_records_of_another_tokenizer_are_refused(records):
    assert refused(records, checkpoint(do_lower_case=False)) == (
        f"'{records.directory}' was prepared with another tokenizer than that of "
        "'tiny'. Prepare it again with --encoder tiny."
    )


def test_records_longer_than_the_encoder_are_refused(records):
    open_(records.directory, checkpoint(positions=16))
    assert refused(records, checkpoint(positions=15)) == (
        "--max-length is 16, but 'tiny' has only 15 positions. Ask for 15 or fewer."
    )


@pytest.mark.parametrize(
    "wish, flag, made_with",
    [
        ({"max_length": 17}, "--max-length is 17", "16"),
        ({"stride": 16}, "--stride is 16", "4"),
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


@pytest.mark.parametrize("reading", [{"entity_marks": "signs"}, {}])
def test_marks_of_entities_that_come_too_late_are_refused(records, reading):
    # Sets without a word about it are from before there was a choice.
    save_manifest(dataclasses.replace(records, task="relate", reading=reading))
    for given in ("auto", "signs"):
        relate = PrepareSettings(task="relate", entity_marks=given)
        opened = open_(records.directory, task="relate", entity_marks=given)
        task = task_of_records(make_task(relate), opened.reading)
        assert task.entity_marks == "signs"
    with pytest.raises(UserError) as refusal:
        open_(records.directory, task="relate", entity_marks="written")
    assert str(refusal.value) == (
        f"--entity-marks is written, but '{records.directory}' was prepared with "
        "signs. Leave the option out, or prepare the data again."
    )


def test_records_of_another_task_are_refused(records):
    with pytest.raises(UserError) as refusal:
        open_(records.directory, task="score")
    assert str(refusal.value) == (
        f"--task is score, but '{records.directory}' was prepared for --task classify. "
        "Give that task, or prepare the data again."
    )


def test_options_that_the_records_were_made_with_are_accepted(records):
    assert open_(records.directory, max_length=16, stem="none") == records


def test_records_without_a_split_are_refused(records):
    splits = {name: records.splits[name] for name in ("train", "test")}
    save_manifest(dataclasses.replace(records, splits=splits))
    assert refused(records) == (
        f"'{records.directory}' has no validation split. Prepare it again."
    )


def test_too_long_a_length_is_refused_before_anything_is_read(tmp_path):
    too_long = PrepareSettings(data="not/there.csv", max_length=41)
    with pytest.raises(UserError) as refusal:
        make_records(
            too_long, Classify(), tmp_path / "records", checkpoint(), Listener()
        )
    assert str(refusal.value) == (
        "--max-length is 41, but 'tiny' has only 40 positions. Ask for 40 or fewer."
    )


def test_a_file_becomes_records_where_there_are_none(tmp_path):
    rows = rows_of_lengths([5] * 60)
    text = "text,label\n" + "\n".join(",".join(row) for row in rows)
    (tmp_path / "a.csv").write_text(text)
    given_file = PrepareSettings(data=str(tmp_path / "a.csv"), max_length=4)
    screen = Listener()
    made = open_records(
        given_file, Classify(), tmp_path / "records", checkpoint(), screen
    )
    assert load_manifest(tmp_path / "records") == made
    assert sum(split.examples for split in made.splits.values()) == 60
    assert [line.split(":")[0] for line in screen.lines] == [
        "train",
        "validation",
        "test",
    ]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_split_keeps_its_examples(original, split):
    """Answers to any of them can be shown beside the truth."""
    path = shard_of(original, split)
    if original.record_format == "hdf5":
        kept = HDF5Reader(path, original.targets).kept()
    else:
        kept = read_kept([path])
    rows = rows_of_lengths([5 + number % 6 for number in range(40)])
    assert [json.loads(line) for line in kept] == [
        {"text": text, "text_pair": None, "label": label} for text, label in rows
    ]
