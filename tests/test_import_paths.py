"""Processes of ours import libraries, and not a user's files of the same names."""

import json
import os
import subprocess
import sys
import time

import pytest

import bert_cpu
from bert_cpu.calibration.tensorflow_process import TensorFlowFailed, TensorFlowProcess
from bert_cpu.commands import start_workers, tune
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.import_paths import import_paths
from bert_cpu.search.child import run_child
from bert_cpu.training.launch import launch_workers

# Says what it imported.
PROGRAM = """
import json, pathlib, bert_cpu
pathlib.Path("ran").write_text(f"{json.__file__} {bert_cpu.__file__}")
"""
IMPORTED = f"{json.__file__} {bert_cpu.__file__}"


@pytest.fixture(autouse=True)
def users_directory(tmp_path, monkeypatch):
    """A directory with files that are named like libraries, where the user is."""
    for library in ("json", "numpy", "dataclasses", "pathlib"):
        program = f"open({str(tmp_path / 'trap')!r}, 'w').close(); raise SystemExit(7)"
        (tmp_path / f"{library}.py").write_text(program)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "")
    yield tmp_path
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize("command", [start_workers._WORKER, tune._COMMAND])
def test_workers_and_trials_run_no_file_of_the_users(command):
    # Without what it is to do, it ends in a complaint.
    done = subprocess.run(
        command, env=os.environ | import_paths(), capture_output=True, timeout=60
    )
    assert done.returncode not in (0, 7)


def test_measuring_runs_no_file_of_the_users():
    with (
        TensorFlowProcess(read_hardware(), 1) as process,
        pytest.raises(TensorFlowFailed, match="KeyError: 'nothing'"),
    ):
        process.ask("nothing", time.monotonic() + 60)


def test_what_a_sweep_starts_imports_what_it_does(users_directory):
    command = [sys.executable, "-P", "-c", PROGRAM]
    cores = os.sched_getaffinity(0)
    assert run_child(command, users_directory / "log", cores, lambda: None)[0] == 0
    assert (users_directory / "ran").read_text() == IMPORTED


def test_what_training_starts_imports_what_it_does(users_directory):
    assert launch_workers([sys.executable, "-P", "-c", PROGRAM], 1, 0) == 0
    assert (users_directory / "ran").read_text() == IMPORTED
