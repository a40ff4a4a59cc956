"""Settings survive a disk, and a file that holds none is refused."""

import dataclasses
import json

import pytest

from bert_cpu.errors import UserError
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.settings import TrainSettings
from bert_cpu.stored_settings import load_settings, save_settings

# Nothing in them is a default.
UNUSUAL = TrainSettings(
    task="embed",
    data="電影.csv",
    validation="v.csv",
    test="t.csv",
    text="review",
    text_pair="answer",
    label="stars",
    encoder="dir",
    max_length=64,
    stride=16,
    repair=True,
    entity_marks="signs",
    normalize=True,
    stop_words="english",
    stem="chinese",
    record_format="hdf5",
    shard_size=10,
    most_unknown=0.4,
    processes=3,
    name="mine",
    runs_dir="elsewhere",
    epochs=5,
    batch_size=24,
    accumulate=2,
    learning_rate=3e-5,
    compile="on",
    warmup=0.0,
    weight_decay=0.0,
    beta_2=0.9,
    clip_norm=0.0,
    layer_decay=0.9,
    random_weights=True,
    freeze_layers=2,
    keep_layers=3,
    pooling="cls",
    dropout=0.0,
    word_dropout=0.2,
    label_smoothing=0.1,
    class_weights="balanced",
    early_stopping=1,
    ema=0.999,
    seed=7,
    dtype="float32",
    threads=3,
    workers=2,
    join_timeout=60.0,
    heartbeat=10.0,
    restarts=3,
    checkpoint_minutes=0.5,
    keep_checkpoints=3,
    skip_damaged=True,
    resume=True,
)
UNUSUAL_PRETRAINING = PretrainSettings(
    data="corpus",
    text="body",
    one_per_line=True,
    encoder="dir",
    vocab_size=99,
    lowercase=False,
    most_unknown=0.5,
    num_layers=2,
    hidden_size=96,
    num_heads=3,
    max_length=64,
    short_length=16,
    short_epochs=2,
    short_share=0.25,
    next_sentence=True,
    mask_share=0.3,
    whole_words=False,
    name="mine",
    runs_dir="elsewhere",
    epochs=5,
    minutes=0.0,
    batch_size=24,
    accumulate=2,
    learning_rate=3e-5,
    compile="on",
    warmup=0.0,
    weight_decay=0.0,
    beta_2=0.9,
    clip_norm=0.0,
    dropout=0.2,
    early_stopping=1,
    ema=0.999,
    seed=7,
    dtype="float32",
    threads=3,
    workers=2,
    join_timeout=60.0,
    heartbeat=10.0,
    restarts=3,
    checkpoint_minutes=0.5,
    keep_checkpoints=3,
    skip_damaged=True,
    resume=True,
)
BOTH = pytest.mark.parametrize("unusual", [UNUSUAL, UNUSUAL_PRETRAINING])


@BOTH
def test_what_is_saved_comes_back(unusual, tmp_path):
    defaults = type(unusual)()
    for field in dataclasses.fields(unusual):
        # They can't be set beside resume and workers.
        if field.name not in ("overwrite", "minutes", "cluster", "index"):
            assert getattr(unusual, field.name) != getattr(defaults, field.name)
    for settings in (unusual, defaults):
        save_settings(settings, tmp_path / "config.json")
        assert load_settings(tmp_path / "config.json") == settings


@BOTH
def test_a_file_names_the_command_and_every_field(unusual, tmp_path):
    save_settings(unusual, tmp_path / "config.json")
    saved = json.loads((tmp_path / "config.json").read_bytes())
    assert list(saved) == [
        "command",
        *(field.name for field in dataclasses.fields(unusual)),
    ]


@BOTH
def test_what_a_saved_state_depends_on_is_fixed(unusual):
    """A checkpoint of other shapes, records or orders can't be gone on with."""
    fixed = type(unusual).fixed_fields()
    assert len(set(fixed)) == len(fixed)
    assert set(fixed) <= {field.name for field in dataclasses.fields(unusual)}
    assert {"max_length", "batch_size", "accumulate", "ema", "seed"} <= set(fixed)
    # What a run may need to be changed when it goes on.
    free = {"epochs", "minutes", "learning_rate", "threads", "name", "runs_dir"}
    assert not free & set(fixed)


def test_fields_that_a_file_does_not_name_have_their_defaults(tmp_path):
    (tmp_path / "config.json").write_text('{"command": "train", "epochs": 9}')
    assert load_settings(tmp_path / "config.json") == TrainSettings(epochs=9)


@pytest.mark.parametrize(
    "content, reason",
    [
        (
            b'{"command": "train", "epochs": 3, "rate": 1}',
            "unexpected keyword argument 'rate'",
        ),
        (
            b'{"command": "train", "epochs": "three"}',
            "'>=' not supported between instances of 'str' and",
        ),
        (b'{"epochs": 3}', "'command'"),
        (b'{"command": "fly"}', "'fly'"),
        (b'{"epochs": 3', "Expecting ',' delimiter: line 1 column 13 (char 12)"),
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b"\xff{}", "'utf-8' codec can't decode byte 0xff in position 0"),
        (b"[1]", "list indices must be integers or slices, not str"),
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
    (tmp_path / "config.json").write_text(
        '{"command": "train", "record_format": "csv"}'
    )
    with pytest.raises(UserError) as refusal:
        load_settings(tmp_path / "config.json")
    assert str(refusal.value) == (
        "--record-format is csv, but must be one of tfrecord, hdf5."
    )
