"""Settings that can't be are refused by name, and those at the edges are not."""

import dataclasses
import math

import pytest

from bert_cpu.errors import UserError
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.settings import PrepareSettings, TrainSettings


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


def test_a_run_is_kept_under_its_name():
    assert str(TrainSettings(runs_dir="all", name="one").run_dir) == "all/one"
