"""Real commands that are stopped and go on end as if they had never stopped."""

import contextlib
import dataclasses
import json
import signal
import subprocess
import time

import numpy as np
import pytest
import tiny_run

from bert_cpu.errors import UserError
from bert_cpu.training.checkpoint import has_checkpoint
from bert_cpu.training.history import read_history
from bert_cpu.training.screen import Screen


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("resume")


def long_settings(directory, **changes):
    """Settings of a run that can be stopped in time, and that draws all it can."""
    return tiny_run.tiny_settings(directory, epochs=15, word_dropout=0.2, **changes)


class Command:
    """`bert-cpu train` as a process of its own."""

    def __init__(self, settings, *options):
        self.run_dir = settings.run_dir
        self.process = subprocess.Popen(
            [*tiny_run.command(settings), *options],
            env=tiny_run.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop_after(self, step, number):
        """Sends a signal once the history has a step, and gives the exit code."""
        while not any(event["step"] >= step for event in read_history(self.run_dir)):
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.005)
        self.process.send_signal(number)
        return self.finish()

    def finish(self):
        _, self.said = self.process.communicate(timeout=300)
        return self.process.returncode


def resumed(settings):
    """The command line needs no more than the name of the run."""
    return dataclasses.replace(
        type(settings)(), name=settings.name, runs_dir=settings.runs_dir, resume=True
    )


def comparable_history(run_dir):
    return [event | {"tokens_per_second": None} for event in read_history(run_dir)]


def assert_same_run(run_dir, expected):
    weights, wanted = map(tiny_run.trained_weights, (run_dir, expected))
    assert weights.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(weights[name], value, err_msg=name)
    assert comparable_history(run_dir) == comparable_history(expected)


def assert_stopped_and_saved(command):
    """One line on what happened, and a state to go on from."""
    last = [line for line in command.said.splitlines() if "bert-cpu:" in line]
    assert len(last) == 1, command.said
    assert "saved. Go on with --name" in last[0]
    assert "Traceback" not in command.said
    assert has_checkpoint(command.run_dir / "checkpoints")
    assert not (command.run_dir / "bundle").exists()


@pytest.fixture(scope="module")
def whole_runs(directory):
    """Never stopped: the same twice at the same time, and another seed."""
    runs = [
        long_settings(directory, name=name, seed=seed)
        for name, seed in (("whole", 0), ("again", 0), ("other", 1))
    ]
    commands = [Command(settings) for settings in runs]
    for command in commands:
        assert command.finish() == 0, command.said
    return [settings.run_dir for settings in runs]


@pytest.mark.slow
def test_a_seed_fixes_every_bit_of_a_run_and_another_one_changes_it(whole_runs):
    whole, again, other = whole_runs
    assert_same_run(again, whole)
    first, second = map(tiny_run.trained_weights, (whole, other))
    assert all(
        (first[name] != second[name]).any() for name in first if "LayerN" in name
    )


@pytest.mark.slow
def test_a_command_that_is_stopped_twice_goes_on_to_the_same_end(directory, whole_runs):
    settings = long_settings(directory, name="stopped")
    command = Command(settings)
    assert command.stop_after(30, signal.SIGINT) == 130, command.said
    assert_stopped_and_saved(command)
    reached = max(event["step"] for event in read_history(settings.run_dir))
    command = Command(resumed(settings))
    assert command.stop_after(reached + 30, signal.SIGTERM) == 130, command.said
    assert_stopped_and_saved(command)
    command = Command(resumed(settings))
    assert command.finish() == 0, command.said
    assert_same_run(settings.run_dir, whole_runs[0])


@pytest.mark.slow
def test_a_command_that_is_killed_goes_on_to_the_same_end(directory, whole_runs):
    settings = long_settings(directory, name="killed")
    command = Command(settings, "--checkpoint-minutes", "0.001")
    assert command.stop_after(50, signal.SIGKILL) == -signal.SIGKILL
    command = Command(resumed(settings))
    assert command.finish() == 0, command.said
    assert_same_run(settings.run_dir, whole_runs[0])


@pytest.mark.slow
def test_two_workers_are_stopped_and_go_on_to_the_same_end(directory):
    changes = {"workers": 2, "epochs": 3}
    whole = dataclasses.replace(long_settings(directory, name="two"), **changes)
    command = Command(whole)
    assert command.finish() == 0, command.said
    settings = dataclasses.replace(whole, name="two_stopped")
    command = Command(settings)
    assert command.stop_after(20, signal.SIGTERM) == 130, command.said
    assert_stopped_and_saved(command)
    command = Command(resumed(settings))
    assert command.finish() == 0, command.said
    metrics = json.loads((settings.run_dir / "metrics.json").read_text())
    assert metrics["workers"] == 2
    assert_same_run(settings.run_dir, whole.run_dir)


class StopAt(Screen):
    """Stops a run at once, as a second Ctrl-C does."""

    def __init__(self, step):
        super().__init__(quiet=True)
        self.step = step

    @contextlib.contextmanager
    def training(self, done, total):
        def show(step, epoch, loss, speed, total):
            if step == self.step:
                raise KeyboardInterrupt

        yield show


def test_records_that_were_prepared_anew_end_a_run(directory):
    path = directory / "prepared"
    settings = tiny_run.tiny_settings(path)
    tiny_run.prepare(settings, path / "records")
    trained = dataclasses.replace(settings, data=str(path / "records"), name="own")
    with pytest.raises(KeyboardInterrupt):
        tiny_run.run(trained, StopAt(2))
    again = dataclasses.replace(trained, resume=True)
    tiny_run.write_reviews(path / "train.csv", 71)
    tiny_run.prepare(settings, path / "records")
    with pytest.raises(UserError, match=r"records differ from those.*--overwrite"):
        tiny_run.run(again)
    tiny_run.write_reviews(path / "train.csv", 70)
    tiny_run.prepare(settings, path / "records")
    with pytest.raises(KeyboardInterrupt):
        tiny_run.run(again, StopAt(2))
