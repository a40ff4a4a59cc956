"""Prepared records that were damaged or changed, or are not meant."""

import os
import pathlib
import shutil

import pytest
from damaging import edit_json, flip
from files_typed import write_rows
from tiny_command import bert_cpu, succeed, write_alphabet_encoder


@pytest.fixture(scope="module")
def prepared(encoder, tmp_path_factory):
    directory = tmp_path_factory.mktemp("prepared")
    rows = write_rows(directory / "a.csv")
    for form in ("tfrecord", "hdf5"):
        made = ("--output", directory / form, "--record-format", form)
        length = ("--max-length", 20)
        succeed("prepare", "--data", rows, "--encoder", encoder, *made, *length)
    return directory


def first_record_bytes(path):
    """The length of the first record, by TFRecord's own format."""
    return int.from_bytes(path.read_bytes()[:8], "little") + 16


@pytest.mark.parametrize(
    "damage, place",
    [
        (lambda path: flip(path, 20), "0"),
        (lambda path: flip(path, first_record_bytes(path) + 14), "second"),
        (lambda path: os.truncate(path, path.stat().st_size - 1), "last"),
    ],
)
def test_a_damaged_shard_is_named_with_the_place(
    here, encoder, prepared, damage, place
):
    shutil.copytree(prepared / "tfrecord", "records")
    path = here / "records" / "train-00000-of-00001.tfrecord"
    second = first_record_bytes(path)
    damage(path)
    said = bert_cpu("train", "--data", "records", "--encoder", encoder).mistake
    found = int(said.split("at byte ")[1].split()[0].replace(",", ""))
    why = said.split(f"at byte {found:,} ")[1].split(".")[0]
    assert why in ("has a wrong length CRC", "has a wrong data CRC", "is cut off")
    assert said == (
        f"'{path}' is damaged: the record at byte {found:,} {why}. Prepare the data "
        "again. Or leave damaged records out by --skip-damaged."
    )
    if place == "last":
        assert second < found < path.stat().st_size
    else:
        assert found == (second if place == "second" else 0)


@pytest.mark.parametrize(
    "form, name, damage, mistake",
    [
        (
            "tfrecord",
            "test-00000-of-00001.tfrecord",
            lambda path: path.unlink(),
            "/records/test-00000-of-00001.tfrecord' is missing. Prepare the data "
            "again.",
        ),
        (
            "hdf5",
            "train.h5",
            lambda path: flip(path, 3000),
            "it was changed since. Prepare the data again.",
        ),
        (
            "tfrecord",
            "manifest.json",
            lambda path: edit_json(path, version=2),
            "/records/manifest.json' has format 'bert_cpu.records', version 2, but "
            "'bert_cpu.records', version 1 is read here. Prepare the data again.",
        ),
        (
            "tfrecord",
            "manifest.json",
            lambda path: edit_json(path, labels=...),
            "/records/manifest.json' has other fields than were written (KeyError: "
            "'labels'). Prepare the data again.",
        ),
    ],
)
def test_changed_records(here, encoder, prepared, form, name, damage, mistake):
    shutil.copytree(prepared / form, "records")
    damage(pathlib.Path("records") / name)
    said = bert_cpu("train", "--data", "records", "--encoder", encoder).mistake
    assert said.endswith(mistake)


@pytest.mark.parametrize(
    "options, mistake",
    [
        (
            ("--max-length", 30),
            "--max-length is 30, but '{}/records' was prepared with 20. Leave the "
            "option out, or prepare the data again.",
        ),
        (
            ("--stem", "english"),
            "--stem is english, but '{}/records' was prepared with none. Leave the "
            "option out, or prepare the data again.",
        ),
    ],
)
def test_options_that_come_too_late(here, encoder, prepared, options, mistake):
    shutil.copytree(prepared / "tfrecord", "records")
    typed = ("--data", "records", "--encoder", encoder, *options)
    assert bert_cpu("train", *typed).mistake == mistake.format(here)


def test_records_of_another_tokenizer(here, prepared):
    write_alphabet_encoder(here / "other", "abc")
    shutil.copytree(prepared / "tfrecord", "records")
    said = bert_cpu("train", "--data", "records", "--encoder", "other").mistake
    assert said == (
        f"'{here}/records' was prepared with another tokenizer than that of 'other'. "
        "Prepare it again with --encoder other."
    )


def test_prepare_keeps_what_is_there(here, encoder, prepared):
    os.mkdir("records")
    pathlib.Path("records/diary.txt").write_text("dear")
    typed = ("prepare", "--data", write_rows("a.csv"), "--encoder", encoder)
    for options in ((), ("--overwrite",)):
        assert bert_cpu(*typed, *options).mistake.startswith("'records' exists. ")
    assert pathlib.Path("records/diary.txt").read_text() == "dear"
    said = bert_cpu("prepare", "--data", prepared / "tfrecord").mistake
    assert said.endswith("is prepared already: train on it.")
