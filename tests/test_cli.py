"""What the command line understands, and what it says of the rest."""

import dataclasses
import errno
import os
import re
import subprocess
import sys

import pytest
from tiny_command import bert_cpu

import bert_cpu as package
from bert_cpu import cli
from bert_cpu.commands.plain_mistake import plain_mistake
from bert_cpu.commands.report_errors import report_errors
from bert_cpu.errors import Interrupted, UserError
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


@pytest.mark.parametrize(
    "words, mistake",
    [
        (
            "",
            "A command is missing. Choose one of train, tune, pretrain, export, "
            "predict, search, evaluate, prepare, merge, fsck, hardware. See "
            "bert-cpu --help.",
        ),
        (
            "tran --epochs 3",
            "There is no command 'tran'. Choose one of train, tune, pretrain, export, "
            "predict, search, evaluate, prepare, merge, fsck, hardware; see "
            "bert-cpu --help.",
        ),
        ("--verbose", "Unrecognized options: --verbose. See bert-cpu --help."),
        (
            "train --nam mine",
            "Unrecognized options: --nam, mine. Did you mean --name? See bert-cpu "
            "train --help.",
        ),
        (
            "train --epochs three",
            "--epochs is 'three', but must be a whole number. See bert-cpu train "
            "--help.",
        ),
        (
            "train --learning-rate fast",
            "--learning-rate is 'fast', but must be a number. See bert-cpu train "
            "--help.",
        ),
        (
            "train --epochs=-1",
            "--epochs is -1, but must be 0 or more. See bert-cpu train --help.",
        ),
        (
            "train --learning-rate nan",
            "--learning-rate is nan, but must be over 0. See bert-cpu train --help.",
        ),
        (
            "train --max-length 2",
            "--max-length is 2, but must be 3 or more. See bert-cpu train --help.",
        ),
        (
            "prepare --shard-size 0",
            "--shard-size is 0, but must be 1 or more. See bert-cpu prepare --help.",
        ),
        (
            "train --warmup 1",
            "--warmup is 1.0, but must be a share in [0, 1). See bert-cpu train "
            "--help.",
        ),
        (
            "train --workers 3",
            "--batch-size is 32, but must be a multiple of workers=3. See bert-cpu "
            "train --help.",
        ),
        (
            "train --name ../x",
            "--name is ../x, but must be a file name without '/'. See bert-cpu train "
            "--help.",
        ),
        (
            "train --resume --overwrite",
            "Got --resume and --overwrite. Give one of the two. See bert-cpu train "
            "--help.",
        ),
        ("train --name", "--name has no value behind it. See bert-cpu train --help."),
        (
            "train --stem german",
            "--stem is 'german', but must be one of 'none', 'english', 'chinese'. See "
            "bert-cpu train --help.",
        ),
        (
            "evaluate --split all",
            "--split is 'all', but must be one of 'test', 'validation', 'train'. See "
            "bert-cpu evaluate --help.",
        ),
        (
            "export --threads -1",
            "--threads is -1, but must be 0 or more. See bert-cpu export --help.",
        ),
        (
            "predict runs/a x --threads -1",
            "--threads is -1, but must be 0 or more. See bert-cpu predict --help.",
        ),
        (
            "predict",
            "MODEL is missing: A run's directory, or one that holds a model.json. See "
            "bert-cpu predict --help.",
        ),
        (
            "search",
            "MODEL is missing: A run's directory, of a model of the task embed. See "
            "bert-cpu search --help.",
        ),
        (
            "search runs/a query",
            "--file is missing: A csv, tsv, jsonl or txt file with the texts to look "
            "through. See bert-cpu search --help.",
        ),
        (
            "hardware --batch-size 0",
            "--batch-size is 0, but must be 1 or more. See bert-cpu hardware --help.",
        ),
        ("hardware --threads -1", "--threads is -1, but must be 0 or more."),
        (
            "hardware --encoder nowhere",
            "--encoder 'nowhere' is no directory here. Give minilm, or the directory "
            "of a BERT checkpoint.",
        ),
        (
            "predict runs/nowhere text",
            "There is no directory 'runs/nowhere'. Name a run, such as runs/NAME.",
        ),
        (
            "predict runs/a text --file a.csv",
            "Got texts and --file. Give one of the two.",
        ),
        (
            "predict runs/a one two --pair three",
            "--pair is the second text of one text, but 2 were given. Give pairs of "
            "texts in a --file, with --text-pair for their column.",
        ),
    ],
)
def test_a_mistake_is_one_line(words, mistake, monkeypatch):
    # The parser draws a box of the terminal's width around it.
    monkeypatch.setenv("COLUMNS", "60")
    assert bert_cpu(*words.split()).mistake == mistake


def test_a_mistake_is_one_line_on_a_terminal(monkeypatch):
    """There the parser paints what it says, and draws frames of other letters."""
    pty = pytest.importorskip("pty", reason="no terminals here")
    monkeypatch.setenv("TERM", "xterm")
    for encoding in ("utf-8", "ascii"):
        reader, terminal = pty.openpty()
        done = subprocess.run(
            [sys.executable, "-m", "bert_cpu.cli", "train", "--data", "a", "--nam"],
            env=os.environ | {"PYTHONIOENCODING": encoding},
            stdout=terminal,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(terminal)
        os.close(reader)
        assert done.returncode == 2
        assert done.stderr == (
            "bert-cpu: Unrecognized options: --nam. Did you mean --name? See bert-cpu "
            "train --help.\n"
        )


@pytest.mark.parametrize(
    "error, code, said",
    [
        (UserError("Two\nlines."), 2, "bert-cpu: Two lines.\n"),
        (Interrupted("Stopped after step 3."), 130, "bert-cpu: Stopped after step 3."),
        (KeyboardInterrupt(), 130, "bert-cpu: Stopped.\n"),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/runs/a"),
            2,
            "bert-cpu: '/runs/a' can't be read or written (Permission denied). Ask for "
            "the permission, or name another place.\n",
        ),
        (
            OSError(errno.EROFS, os.strerror(errno.EROFS), "/cd/runs"),
            2,
            "bert-cpu: '/cd/runs' can't be read or written (Read-only file system). "
            "Name a place that can be written to.\n",
        ),
    ],
)
def test_what_the_user_can_mend_is_said_in_one_line(error, code, said, capsys):
    def work():
        raise error

    assert report_errors(work) == code
    captured = capsys.readouterr()
    assert captured.err.startswith(said)
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("ours"), OSError("odd")])
def test_what_we_must_mend_keeps_its_traceback(error):
    def work():
        raise error

    with pytest.raises(type(error)):
        report_errors(work)


@pytest.mark.parametrize(
    "choices", ["'a', 'b', 'None'", "'None', 'a', 'b'", "'a', 'None', 'b'"]
)
def test_what_stands_for_no_option_is_no_choice(choices):
    """The parser has the choices in another order each time."""
    box = f"╭─\n│ invalid choice 'c' for argument '--x'. Expected one of ({choices}). │"
    assert plain_mistake(box) == "--x is 'c', but must be one of 'a', 'b'."
