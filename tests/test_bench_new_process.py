"""A start that is measured is the start of a program that has been installed."""

import sys

import pytest

from bench.new_process import NewProcess

PROGRAM = "import sys; print(sys.dont_write_bytecode)"


def test_bytecode_is_kept_whatever_the_surroundings_say(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    process = NewProcess([sys.executable, "-c", PROGRAM], str.strip)
    assert process.check() == {"answers": ["False"]}


def test_a_start_has_an_amount_and_a_peak_of_memory():
    amount, extras = NewProcess([sys.executable, "-c", PROGRAM], None).run(2)
    assert amount == 2
    assert 3 < extras["peak_memory_mb"] < 100


def test_a_program_that_fails_is_no_answer():
    process = NewProcess([sys.executable, "-c", "raise SystemExit(3)"], str.strip)
    with pytest.raises(RuntimeError, match="exit code 3"):
        process.check()
