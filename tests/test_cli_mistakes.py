"""What the command line says of a mistake: one line, unless the mistake is ours."""

import errno
import os
import subprocess
import sys

import pytest
from tiny_command import bert_cpu

from bert_cpu.commands.plain_mistake import plain_mistake
from bert_cpu.commands.report_errors import report_errors
from bert_cpu.errors import Interrupted, UserError


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
