"""Real workers that die, hang or never come are named, and none waits for them."""

import dataclasses
import signal
import subprocess
import time

import numpy as np
import pytest
import tiny_run
from cluster_run import Workers, end_family, wait_for_step, worker_below
from safetensors.numpy import load_file
from warm import Warm

from bert_cpu.training.checkpoint import has_checkpoint
from bert_cpu.training.run_directory import start_run

LOST = 75
HEARTBEAT = 8.0


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("lost")


@pytest.fixture(scope="module")
def settings(directory):
    """Of a run on records that are there, which ends after 72 steps."""
    settings = tiny_run.tiny_settings(directory)
    tiny_run.prepare(settings, directory / "records")
    return dataclasses.replace(
        settings,
        data=str(directory / "records"),
        epochs=4,
        checkpoint_minutes=0.001,
        heartbeat=HEARTBEAT,
    )


@pytest.fixture(scope="module")
def undisturbed(settings, directory):
    """The last state of a run of two workers that nothing happened to."""
    whole = dataclasses.replace(settings, name="undisturbed", workers=2)
    run_dir = start_run(whole).run_dir
    with Warm(directory) as warm:
        assert warm.run(run_dir, (None, None)) == [0, 0]
    return last_state(run_dir)


def last_state(run_dir):
    path = max((run_dir / "checkpoints").glob("step-*.safetensors"))
    return path.name, load_file(path)


def assert_same_end(run_dir, expected):
    name, tensors = last_state(run_dir)
    assert name == expected[0] == "step-00000072.safetensors"
    assert (run_dir / "metrics.json").exists()
    for key, value in expected[1].items():
        # Sums over workers may be rounded in another order than the last time.
        np.testing.assert_allclose(tensors[key], value, rtol=0, atol=1e-6, err_msg=key)


def endless(settings, name):
    """It lasts for minutes: none is left for long if these tests are killed."""
    return dataclasses.replace(settings, name=name, epochs=2_000)


@pytest.mark.slow
def test_workers_of_a_cluster_do_what_processes_of_one_command_do(
    settings, directory, undisturbed
):
    run = dataclasses.replace(settings, name="cluster")
    with Workers(run, directory) as workers:
        assert [workers.code(index) for index in (0, 1)] == [0, 0]
        # Only the chief writes to the screen.
        assert "Everything is in" in workers.said(0)
        assert workers.said(1) == ""
    assert_same_end(run.run_dir, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("missing", [0, 1])
def test_a_worker_that_does_not_come_is_named(settings, directory, missing):
    run = dataclasses.replace(settings, name=f"missing-{missing}", join_timeout=3.0)
    with Workers(run, directory, indices=[1 - missing]) as workers:
        assert workers.code(1 - missing) == 2
        assert workers.name_of(missing) in workers.last_line(1 - missing)
        assert "within 3 seconds (--join-timeout)" in workers.last_line(1 - missing)
    # Nothing was done yet, so nothing is left.
    assert not run.run_dir.exists()


@pytest.mark.faults
@pytest.mark.parametrize("killed", [0, 1])
def test_a_worker_that_is_killed_is_named_by_the_other_at_once(
    settings, directory, killed
):
    run = endless(settings, f"killed-{killed}")
    other = 1 - killed
    with Workers(run, directory) as workers:
        workers.wait_for_step(30)
        killed_at = time.monotonic()
        workers.send(killed, signal.SIGKILL)
        assert workers.code(other) == LOST
        assert time.monotonic() - killed_at < HEARTBEAT
        name = workers.name_of(killed).capitalize()
        assert f"{name} is gone: its process" in workers.last_line(other)
        assert "--resume goes on from the last checkpoint" in workers.last_line(other)
    assert has_checkpoint(run.run_dir / "checkpoints")


@pytest.mark.faults
@pytest.mark.parametrize("stopped", [0, 1])
def test_a_worker_that_hangs_is_named_by_the_other_within_the_heartbeat(
    settings, directory, stopped
):
    run = endless(settings, f"stopped-{stopped}")
    other = 1 - stopped
    with Workers(run, directory) as workers:
        workers.wait_for_step(30)
        stopped_at = time.monotonic()
        workers.send(stopped, signal.SIGSTOP)
        assert workers.code(other) == LOST
        # It was last heard up to an eighth before, and is judged as often.
        assert 0.75 < (time.monotonic() - stopped_at) / HEARTBEAT < 1.5
        name = workers.name_of(stopped).capitalize()
        said = workers.last_line(other)
        assert f"{name} is lost: not heard for 8 seconds (--heartbeat)." in said
        # It wakes up, hears of it or finds itself alone, and does not train on.
        workers.send(stopped, signal.SIGCONT)
        assert workers.code(stopped) == LOST
        assert "--resume goes on from the last" in workers.last_line(stopped)
    assert has_checkpoint(run.run_dir / "checkpoints")


@pytest.mark.faults
def test_restarts_bring_a_run_back_that_ends_as_if_undisturbed(
    settings, directory, undisturbed
):
    run = dataclasses.replace(settings, name="back", workers=2, restarts=1)
    with (directory / "back.log").open("w+") as log:
        command = subprocess.Popen(
            tiny_run.command(run),
            env=tiny_run.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            wait_for_step(run.run_dir, 30, [command])
            worker_below(command.pid).kill()
            assert command.wait(600) == 0
        finally:
            end_family(command)
            log.seek(0)
            said = log.read()
            print(said)
    # The other one may have left before the command looks, and be what it names.
    assert "The run failed (" in said
    assert "from its last checkpoint, for the 1. time of 1 (--restarts)" in said
    assert_same_end(run.run_dir, undisturbed)


@pytest.mark.faults
@pytest.mark.parametrize("killed", [0, 1])
def test_restarts_bring_each_worker_of_a_cluster_back(
    settings, directory, undisturbed, killed
):
    run = dataclasses.replace(settings, name=f"back-{killed}", restarts=1)
    with Workers(run, directory) as workers:
        workers.wait_for_step(30)
        workers.worker_below(killed).kill()
        assert [workers.code(index) for index in (0, 1)] == [0, 0]
        assert "(ended by SIGKILL). Starting it again" in workers.said(killed)
        assert f"(exit code {LOST}). Starting it again" in workers.said(1 - killed)
    assert_same_end(run.run_dir, undisturbed)
