"""What the command line understands, and what its help explains."""

import dataclasses
import re
import subprocess
import sys

import pytest

import bert_cpu as package
from bert_cpu import cli
from bert_cpu.settings import PrepareSettings, TrainSettings
from bert_cpu.subcommands import COMMANDS as KINDS

COMMANDS = [
    *("train", "pretrain", "export", "predict"),
    *("search", "evaluate", "prepare", "fsck", "hardware", "tune"),
]
HEAVY = ["tensorflow", "keras", "transformers", "matplotlib", "sklearn", "h5py"]


def help_of(capsys, *command):
    with pytest.raises(SystemExit) as leaving:
        cli.main([*command, "--help"])
    assert leaving.value.code == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from bert_cpu.cli import main\n"
        f"for command in [[], *([name] for name in {COMMANDS!r})]:\n"
        "    try: main([*command, '--help'])\n"
        "    except SystemExit as leaving: assert leaving.code == 0, command\n"
        "    else: raise AssertionError(command)\n"
        f"print([x for x in {HEAVY!r} if x in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"


def test_help_lists_every_command(capsys):
    said = help_of(capsys)
    for command in COMMANDS:
        assert re.search(rf"{command}\s+[A-Z]\w", said), command


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_explains_every_option(capsys, command):
    said = help_of(capsys, command)
    said = re.sub(r"[│╭╮╰╯─\s]+", " ", said)
    for field in dataclasses.fields(KINDS[command]):
        if field.name not in ("model", "texts", "queries", "directory"):
            # What is so by default can only be turned off.
            no = "no-" if field.default is True else ""
            flag = f"--{no}{field.name.replace('_', '-')}"
            found = re.search(rf" {flag} (.*?) \(default: ", said)
            assert found, flag
            assert found[1].endswith("."), f"{flag} has no sentence about it"


def test_the_help_of_predict_names_what_it_wants(capsys):
    assert "MODEL [TEXT ...]" in help_of(capsys, "predict")


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"bert-cpu {package.__version__}\n"


def test_train_alone_is_the_default_run():
    settings = cli._parse(["train"])
    assert settings.data == "tfds:movie_reviews"
    assert (settings.name, settings.seed, settings.encoder) == (
        "movie_reviews",
        0,
        "minilm",
    )


def test_every_setting_can_be_typed():
    typed = TrainSettings(
        task="embed",
        data="a b.csv",
        validation="v.tsv",
        test="t.jsonl",
        text="评论",
        text_pair="q",
        label="stars",
        encoder="bert-base-chinese",
        random_weights=True,
        max_length=64,
        stride=5,
        most_unknown=0.3,
        repair=True,
        entity_marks="signs",
        normalize=True,
        stop_words="chinese",
        stem="english",
        record_format="hdf5",
        shard_size=7,
        processes=2,
        name="mine",
        runs_dir="/tmp/r",
        epochs=2,
        minutes=1.5,
        batch_size=6,
        accumulate=2,
        learning_rate=1e-3,
        warmup=0.2,
        weight_decay=0.0,
        beta_2=0.9,
        clip_norm=0.5,
        layer_decay=0.9,
        freeze_layers=1,
        keep_layers=2,
        pooling="cls",
        dropout=0.0,
        word_dropout=0.2,
        label_smoothing=0.1,
        class_weights="balanced",
        early_stopping=2,
        ema=0.9,
        seed=3,
        compile="off",
        dtype="float32",
        threads=1,
        cluster="a:1,b:1",
        index=1,
        join_timeout=60.0,
        heartbeat=10.0,
        restarts=3,
        checkpoint_minutes=0.5,
        keep_checkpoints=3,
        skip_damaged=True,
        overwrite=True,
    )
    words = ["train"]
    for field in dataclasses.fields(typed):
        value = getattr(typed, field.name)
        # They exclude --overwrite and --minutes.
        if field.name not in ("resume", "workers"):
            assert value != field.default, f"{field.name} is not tested"
            words.append("--" + field.name.replace("_", "-"))
            words += [] if value is True else [str(value)]
    assert dataclasses.asdict(cli._parse(words)) == dataclasses.asdict(typed)
    others = cli._parse(["train", "--resume", "--workers", "2"])
    assert (others.resume, others.workers) == (True, 2)


def test_options_may_be_typed_in_the_ways_that_people_do():
    settings = cli._parse(["train", "--batch_size=8", "--resume"])
    assert (settings.batch_size, settings.resume) == (8, True)


def test_prepare_has_the_settings_of_the_data():
    typed = cli._parse(["prepare", "--data", "x.csv", "--max-length", "9"])
    assert isinstance(typed, PrepareSettings)
    assert (typed.data, typed.max_length, typed.output) == ("x.csv", 9, "records")


def test_texts_that_look_like_options_follow_two_dashes():
    typed = cli._parse(["predict", "runs/a", "--json", "--", "--pair", "-x"])
    assert typed.texts == ("--pair", "-x")
