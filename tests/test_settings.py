"""Settings that can't be are refused by name, and the others survive a disk."""

import dataclasses
import json
import math

import pytest

from bert_cpu.errors import UserError
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.settings import PrepareSettings, TrainSettings
from bert_cpu.stored_settings import load_settings, save_settings

# Nothing in it is a default.
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


@pytest.mark.parametrize(
    "field, value, expected",
    [
        ("max_length", 2, "3 or more"),
        ("stride", -1, "0 or more"),
        (
            "task",
            "translate",
            "one of answer, classify, embed, fill, multilabel, relate, score, tag",
        ),
        ("shard_size", 0, "1 or more"),
        *(
            ("most_unknown", share, "a share in (0, 1]")
            for share in (0.0, 1.1, math.nan)
        ),
        ("processes", -1, "0 or more"),
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
        *(
            (field, 0, "1 or more")
            for field in ("batch_size", "accumulate", "heartbeat")
        ),
        ("join_timeout", 0.5, "1 or more"),
        ("workers", -1, "0 or more"),
        ("restarts", -1, "0 or more"),
        ("epochs", -1, "0 or more"),
        ("batch_size", -1, "1 or more"),
        *((field, -1, "0 or more") for field in ("freeze_layers", "keep_layers")),
        ("seed", -1, "0 or more"),
        ("threads", -1, "0 or more"),
        ("early_stopping", -1, "0 or more"),
        *(
            (field, value, "a share in [0, 1)")
            for field in ("warmup", "label_smoothing", "ema", "dropout", "word_dropout")
            for value in (-0.1, 1.0, math.nan)
        ),
        *(("learning_rate", value, "over 0") for value in (0.0, -1.0, math.nan)),
        *(
            (field, value, "0 or more")
            for field in ("weight_decay", "clip_norm", "checkpoint_minutes", "minutes")
            for value in (-0.5, math.nan)
        ),
        *(("layer_decay", value, "in (0, 1]") for value in (0.0, 1.1, math.nan)),
        ("class_weights", "some", "one of none, balanced"),
        ("pooling", "max", "one of auto, mean, cls, pooled"),
        ("dtype", "float16", "one of auto, float32, bfloat16"),
    ],
)
def test_a_bad_run_is_refused(field, value, expected):
    check_refusal(TrainSettings, field, value, expected)


@pytest.mark.parametrize(
    "field, value, expected",
    [
        ("vocab_size", 0, "1 or more"),
        ("start", "warm", "one of cooccurrences, neighbours, random"),
        ("num_layers", 0, "1 or more"),
        ("max_length", 7, "8 or more"),
        ("short_epochs", -1, "0 or more"),
        ("short_length", 7, "8 or more"),
        *(("beta_2", value, "a number in (0, 1)") for value in (0.0, 1.0, math.nan)),
        *(
            (field, value, "a share in (0, 1)")
            for field in ("mask_share", "most_unknown", "short_share")
            for value in (0.0, 1.0, math.nan)
        ),
        # As in fine-tuning.
        ("epochs", 0, "1 or more"),
        ("dtype", "float16", "one of auto, float32, bfloat16"),
    ],
)
def test_a_bad_pretraining_is_refused(field, value, expected):
    check_refusal(PretrainSettings, field, value, expected)


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
            {"index": 1},
            "--index is 1, but there is no --cluster that it is of. Give --cluster "
            "host:port,host:port as well.",
        ),
        (
            {"cluster": "a:1,b:1", "workers": 2},
            "Got --cluster and --workers 2. Give --cluster alone, with an address for "
            "each worker.",
        ),
        (
            {"resume": True, "overwrite": True},
            "Got --resume and --overwrite. Give one of the two.",
        ),
    ],
)
def test_settings_of_a_run_that_exclude_each_other_are_refused(settings, message):
    with pytest.raises(UserError) as refusal:
        TrainSettings(**settings)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    "settings, message",
    [
        (
            {"num_heads": 3, "hidden_size": 128},
            "--hidden-size is 128, but must be a multiple of num_heads=3.",
        ),
        *(
            (
                {"encoder": "minilm", "start": start},
                f"--start is {start}, but 'minilm' brings its own weights. Give "
                "--start or --encoder, not both.",
            )
            for start in ("cooccurrences", "neighbours", "random")
        ),
    ],
)
def test_settings_of_pretraining_that_exclude_each_other_are_refused(settings, message):
    with pytest.raises(UserError) as refusal:
        PretrainSettings(**settings)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    "settings, start",
    [
        ({}, "cooccurrences"),
        ({"start": "random"}, "random"),
        ({"encoder": "minilm"}, None),
    ],
)
def test_only_a_new_encoder_has_a_start(settings, start):
    assert PretrainSettings(**settings).start == start


@pytest.mark.parametrize("epochs, short", [(1, 0), (2, 1), (6, 5), (7, 6), (40, 6)])
def test_the_last_epoch_is_never_short(epochs, short):
    assert PretrainSettings(epochs=epochs).num_short_epochs == short


@pytest.mark.parametrize("max_length, epochs", [(33, 2), (32, 0), (16, 0)])
def test_no_epoch_is_short_if_all_of_them_would_be(max_length, epochs):
    settings = PretrainSettings(max_length=max_length, short_length=32, short_epochs=2)
    assert settings.num_short_epochs == epochs


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


def test_a_run_is_kept_under_its_name():
    assert str(TrainSettings(runs_dir="all", name="one").run_dir) == "all/one"
