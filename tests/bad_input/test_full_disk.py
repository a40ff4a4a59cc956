"""No room: on the disk, or in a file."""

import contextlib
import os
import resource
import subprocess

import pytest
from files_typed import write_rows


@pytest.fixture
def small_disk(here):
    """A file system of its own, and a function that changes its size."""
    place = here / "disk"
    place.mkdir()

    def resize(kilobytes, *options):
        size = ",".join([f"size={kilobytes}k", *options])
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(place)],
            check=True,
            capture_output=True,
        )

    try:
        resize(4)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this process may not mount")
    yield resize
    with contextlib.suppress(OSError):
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_full_before_training(train, small_disk):
    said = train(write_rows("a.csv"), "--runs-dir", "disk").mistake
    assert said.startswith("The disk is full: 'disk/run")
    assert said.endswith("Make room, then run the command again.")
    assert not os.listdir("disk")


def test_a_disk_that_fills_up_while_training(train, small_disk):
    """The checkpoint of before is whole: with more room the run goes on from it."""
    rows = write_rows("a.csv")
    # For one state of 560 kB and the best weights, but not for a second state.
    small_disk(1000, "remount")
    outcome = train(rows, "--runs-dir", "disk")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].startswith(
        "bert-cpu: The disk is full: 'disk/run/checkpoints/step-00000001.safetensors' "
        "could not be written ("
    )
    assert outcome.err.count("bert-cpu: ") == 1
    assert "Traceback" not in outcome.err
    small_disk(4000, "remount")
    assert train(rows, "--runs-dir", "disk", "--resume").code == 0


@pytest.mark.parametrize("largest", [100, 3000])
def test_a_file_that_may_not_grow(train, here, largest):
    """What `ulimit -f` does: no room for the settings, or not for the first state."""
    rows = write_rows("a.csv")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, limits[1]))
    try:
        outcome = train(rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (outcome.code, outcome.out) == (2, "")
    said = outcome.err.splitlines()[-1]
    assert said.startswith("bert-cpu: A file may not grow further (ulimit -f): '")
    assert "runs/run/" in said
    assert "Traceback" not in outcome.err
    assert os.listdir("runs") == []
