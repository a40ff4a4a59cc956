"""A start that is measured is the start of a program that has been installed."""

import ast
import subprocess
import sys

import pytest

from bench.contestant import ROOT
from bench.new_process import NewProcess

PROGRAM = "import sys; print(sys.dont_write_bytecode)"


def test_bytecode_is_kept_whatever_the_surroundings_say(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    process = NewProcess([sys.executable, "-c", PROGRAM], str.strip)
    assert process.check() == {"answers": ["False"]}


def test_a_start_has_an_amount_and_a_peak_of_memory():
    # Before a process becomes the program it is a copy of its parent, and the system
    # counts that as well: a small parent, as the benchmark's are.
    code = (
        "import sys; from bench.new_process import NewProcess; "
        "print(*NewProcess([sys.executable, '-c', 'print()'], None).run(2))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    amount, extras = done.stdout.split(" ", 1)
    assert amount == "2", done.stderr
    assert 3 < ast.literal_eval(extras)["peak_memory_mb"] < 100


def test_a_program_that_fails_is_no_answer():
    process = NewProcess([sys.executable, "-c", "raise SystemExit(3)"], str.strip)
    with pytest.raises(RuntimeError, match="exit code 3"):
        process.check()
