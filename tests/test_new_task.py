"""A new task is one new file: every command serves it, and nothing else is changed."""

import csv
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys

import pytest
import tiny_command
import tiny_tasks

PACKAGE = tiny_command.DATA.parent / "bert_cpu"
HEAVY = ("tensorflow", "keras", "transformers", "sklearn", "h5py")
PHRASES = {"1": "it is dirty", "2": "it is so so", "3": "good and good"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A directory with a copy of the package, in which there is one file more."""
    home = tmp_path_factory.mktemp("home")
    unneeded = shutil.ignore_patterns("__pycache__", "*.cc", "*.h")
    copy = shutil.copytree(PACKAGE, home / "bert_cpu", ignore=unneeded)
    new = pathlib.Path(__file__).with_name("rate_task.py")
    shutil.copy(new, copy / "tasks" / "rate.py")
    return home


def run(home, *commands, without=()):
    """Runs commands in one new process, which imports the copy; gives its output."""
    words = [[str(word) for word in command] for command in commands]
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({without!r}))\n"
        "from bert_cpu.cli import main\n"
        f"sys.exit(max([main(words) for words in {words!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=home,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(home), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def write_grades(path, num_rows):
    chance = random.Random(num_rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("text", "label"))
        for _ in range(num_rows):
            grade = chance.choice(sorted(PHRASES))
            rows.writerow(
                (f"{chance.choice(tiny_tasks.PLACES)}: {PHRASES[grade]}", grade)
            )


def test_the_command_line_offers_it_without_tensorflow(home):
    code, help_text, _ = run(home, ("train", "--help"), without=HEAVY)
    assert code == 0
    assert "{answer,classify,embed,fill,multilabel,rate,relate,score,tag}" in help_text
    code, _, mistake = run(home, ("train", "--task", "translate"), without=HEAVY)
    assert code == 2
    assert "'multilabel', 'rate', 'relate'" in mistake


@pytest.mark.slow
def test_one_file_is_trained_measured_converted_and_answered(home):
    characters = tiny_tasks.CHARACTERS["english"] + ":"
    tiny_command.write_alphabet_encoder(home / "encoder", characters, num_layers=2)
    for name, num_rows in (("data", 96), ("validation", 16), ("test", 17)):
        write_grades(home / f"{name}.csv", num_rows)
    splits = [w for n in ("data", "validation", "test") for w in (f"--{n}", f"{n}.csv")]
    quick = (
        *("--epochs", 8, "--batch-size", 8, "--learning-rate", 5e-3, "--ema", 0),
        *("--max-length", 24, "--threads", 1, "--dtype", "float32"),
    )
    code, out, err = run(
        home,
        ("train", "--task", "rate", "--encoder", "encoder", "--name", "r")
        + (*splits, *quick),
        ("export", "--threads", 1, "--name", "r"),
        ("evaluate", "--name", "r", "--json"),
    )
    assert code == 0, err
    measured = json.loads(out)  # The others tell on standard error.
    assert measured["accuracy"] > 0.9
    assert "nearness" in (home / "runs/r/report.html").read_text(encoding="utf-8")

    asked = ("predict", "runs/r", "--file", "test.csv", "--json", "--threads", 1)
    code, out, err = run(home, asked, without=HEAVY)
    assert code == 0, err
    answers = [json.loads(line) for line in out.splitlines()]
    with (home / "test.csv").open(encoding="utf-8", newline="") as file:
        grades = [row["label"] for row in csv.DictReader(file)]
    right = [a["grade"] == g for a, g in zip(answers, grades, strict=True)]
    assert sum(right) / len(right) == pytest.approx(measured["accuracy"])
    assert list(answers[0]["reached"]) == ["2", "3"]
