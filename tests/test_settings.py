"""Settings that can't be are refused by name, and the others survive a disk."""

import dataclasses
import json
import math

import pytest

from bert_cpu.errors import UserError
from bert_cpu.settings import (
    PrepareSettings,
    TrainSettings,
    load_settings,
    save_settings,
)

# Nothing in it is a default.
UNUSUAL = TrainSettings(
    data="電影.csv",
    validation="v.csv",
    test="t.csv",
    text="review",
    text_pair="answer",
    label="stars",
    encoder="dir",
    max_length=64,
    normalize=True,
    stop_words="english",
    stem="chinese",
    record_format="hdf5",
    shard_size=10,
    name="mine",
    runs_dir="elsewhere",
    epochs=5,
    batch_size=24,
    accumulate=2,
    learning_rate=3e-5,
    warmup=0.0,
    weight_decay=0.0,
    clip_norm=0.0,
    layer_decay=0.9,
    freeze_layers=2,
    dropout=0.0,
    label_smoothing=0.1,
    class_weights="balanced",
    early_stopping=1,
    ema=0.999,
    seed=7,
    dtype="float32",
    threads=3,
    workers=2,
    checkpoint_minutes=0.5,
    resume=True,
)


@pytest.mark.parametrize(
    "field, value, expected",
    [
        ("max_length", 2, "3 or more"),
        ("shard_size", 0, "1 or more"),
        ("stop_words", "german", "one of none, english, chinese"),
        ("stem", "", "one of none, english, chinese"),
        ("record_format", "parquet", "one of tfrecord, hdf5"),
    ],
)
@pytest.mark.parametrize("kind", [PrepareSettings, TrainSettings])
def test_bad_preparation_is_refused(kind, field, value, expected):
    check_refusal(kind, field, value, expected)


@pytest.mark.parametrize(
    "field, value, expected",
    [
        *(("name", value, "a file name without '/'") for value in ("", ".", "..")),
        *(("name", value, "a file name without '/'") for value in ("a/b", "/a", "a/")),
        ("task", "translate", "one of classify"),
        *((field, 0, "1 or more") for field in ("epochs", "accumulate", "workers")),
        ("batch_size", -1, "1 or more"),
        *((field, -1, "0 or more") for field in ("freeze_layers", "threads", "seed")),
        ("early_stopping", -1, "0 or more"),
        *(
            (field, value, "a share in [0, 1)")
            for field in ("warmup", "label_smoothing", "ema", "dropout")
            for value in (-0.1, 1.0, math.nan)
        ),
        *(("learning_rate", value, "over 0") for value in (0.0, -1.0, math.nan)),
        *(
            (field, value, "0 or more")
            for field in ("weight_decay", "clip_norm", "checkpoint_minutes")
            for value in (-0.5, math.nan)
        ),
        *(("layer_decay", value, "in (0, 1]") for value in (0.0, 1.1, math.nan)),
        ("class_weights", "some", "one of none, balanced"),
        ("dtype", "float16", "one of auto, float32, bfloat16"),
    ],
)
def test_a_bad_run_is_refused(field, value, expected):
    check_refusal(TrainSettings, field, value, expected)


def check_refusal(kind, field, value, expected):
    with pytest.raises(UserError) as refusal:
        kind(**{field: value})
    flag = "--" + field.replace("_", "-")
    assert str(refusal.value) == f"{flag} is {value}, but must be {expected}."


@pytest.mark.parametrize(
    "settings, message",
    [
        (
            {"text_pair": "b", "max_length": 4},
            "--max-length is 4, but must be 5 or more.",
        ),
        (
            {"batch_size": 9, "workers": 2},
            "--batch-size is 9, but must be a multiple of workers=2.",
        ),
        (
            {"resume": True, "overwrite": True},
            "Got --resume and --overwrite. Give one of the two.",
        ),
    ],
)
def test_settings_that_exclude_each_other_are_refused(settings, message):
    with pytest.raises(UserError) as refusal:
        TrainSettings(**settings)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    "settings",
    [
        {"max_length": 3},
        {"max_length": 5, "text_pair": "b"},
        {"shard_size": 1},
        {"warmup": 0.0, "dropout": 0.0, "label_smoothing": 0.0, "ema": 0.0},
        {"warmup": 0.99, "dropout": 0.99, "label_smoothing": 0.99, "ema": 0.9999},
        {"layer_decay": 1.0, "weight_decay": 0.0, "clip_norm": 0.0},
        {"epochs": 1, "batch_size": 1, "accumulate": 1, "workers": 1, "seed": 0},
        {"name": "電影 2.1"},
    ],
)
def test_the_edges_of_what_can_be_are_in(settings):
    assert dataclasses.asdict(TrainSettings(**settings)).items() >= settings.items()


def test_what_is_saved_comes_back(tmp_path):
    defaults = TrainSettings()
    for field in dataclasses.fields(TrainSettings):
        # They can't both be set; and there is one task so far.
        if field.name not in ("overwrite", "task"):
            assert getattr(UNUSUAL, field.name) != getattr(defaults, field.name)
    for settings in (UNUSUAL, defaults):
        save_settings(settings, tmp_path / "config.json")
        assert load_settings(tmp_path / "config.json") == settings


def test_a_file_names_every_field(tmp_path):
    save_settings(UNUSUAL, tmp_path / "config.json")
    saved = json.loads((tmp_path / "config.json").read_bytes())
    assert list(saved) == [field.name for field in dataclasses.fields(TrainSettings)]


def test_settings_of_an_older_version_get_the_defaults(tmp_path):
    (tmp_path / "config.json").write_text('{"epochs": 9}')
    assert load_settings(tmp_path / "config.json") == TrainSettings(epochs=9)


@pytest.mark.parametrize(
    "content, reason",
    [
        (b'{"epochs": 3, "rate": 1}', "unexpected keyword argument 'rate'"),
        (b'{"epochs": "three"}', "'>=' not supported between instances of 'str' and"),
        (b'{"epochs": 3', "Expecting ',' delimiter: line 1 column 13 (char 12)"),
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b"\xff{}", "'utf-8' codec can't decode byte 0xff in position 0"),
        (b"[1]", "argument after ** must be a mapping, not list"),
    ],
)
def test_a_file_without_settings_is_refused(tmp_path, content, reason):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as refusal:
        load_settings(path)
    message = str(refusal.value)
    assert message.startswith(f"'{path}' does not hold the settings of a run (")
    assert reason in message
    assert message.endswith("). Train again with --overwrite.")
    assert "\n" not in message


def test_a_bad_value_in_a_file_is_refused_by_name(tmp_path):
    (tmp_path / "config.json").write_text('{"record_format": "csv"}')
    with pytest.raises(UserError) as refusal:
        load_settings(tmp_path / "config.json")
    assert str(refusal.value) == (
        "--record-format is csv, but must be one of tfrecord, hdf5."
    )


def test_a_run_is_kept_under_its_name():
    assert str(TrainSettings(runs_dir="all", name="one").run_dir) == "all/one"
