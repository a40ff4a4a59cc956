"""Workers on hosts of their own, one of which is cut off in the middle of a run.

The hosts are network namespaces of this machine with an address each, and a third one
is the switch between them. It needs root, and is skipped where that is not given.
"""

import dataclasses
import os
import shutil
import subprocess
import time

import pytest
import tiny_run
from cluster_run import Workers

from bert_cpu.training.checkpoint import has_checkpoint

LOST = 75
HEARTBEAT = 8.0

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None,
        reason="only root makes network namespaces, with ip of iproute2",
    ),
]


class Network:
    """Two hosts and a switch."""

    def __init__(self):
        self.hosts = [f"bert-cpu-{os.getpid()}-{index}" for index in (0, 1)]
        self.addresses = ["10.213.77.1", "10.213.77.2"]
        self._switch = f"bert-cpu-{os.getpid()}-switch"

    def __enter__(self):
        try:
            for name in (self._switch, *self.hosts):
                _ip("netns", "add", name)
            _ip("-n", self._switch, "link", "add", "bridge", "type", "bridge")
            _ip("-n", self._switch, "link", "set", "bridge", "up")
            for index, host in enumerate(self.hosts):
                port, cable = f"port{index}", ("type", "veth", "peer", "name", "card")
                _ip(
                    *("-n", self._switch, "link", "add", port, *cable, "netns", host),
                )
                self.plug_in(index)
                _ip("-n", self._switch, "link", "set", port, "up")
                address = f"{self.addresses[index]}/24"
                _ip("-n", host, "address", "add", address, "dev", "card")
                for device in ("card", "lo"):
                    _ip("-n", host, "link", "set", device, "up")
        except subprocess.CalledProcessError as error:
            self.__exit__()
            pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
        return self

    def __exit__(self, *error):
        for name in (*self.hosts, self._switch):
            # Its cards and cables go with it.
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)

    def plug_in(self, index):
        _ip("-n", self._switch, "link", "set", f"port{index}", "master", "bridge")

    def cut_off(self, index):
        """Nothing comes through any more, in either direction, and no card sees why."""
        _ip("-n", self._switch, "link", "set", f"port{index}", "nomaster")

    def prefixes(self):
        """As `Workers` takes them."""
        return [
            (address, ["ip", "netns", "exec", host])
            for address, host in zip(self.addresses, self.hosts, strict=True)
        ]


def _ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("hosts")


@pytest.fixture(scope="module")
def settings(directory):
    settings = tiny_run.tiny_settings(directory)
    tiny_run.prepare(settings, directory / "records")
    return dataclasses.replace(
        settings,
        data=str(directory / "records"),
        checkpoint_minutes=0.001,
        heartbeat=HEARTBEAT,
    )


def test_a_host_that_is_cut_off_is_named_and_the_run_goes_on_when_it_is_back(
    settings, directory
):
    run = dataclasses.replace(settings, name="cut", epochs=2_000)
    with Network() as network:
        with Workers(run, directory, prefixes=network.prefixes()) as workers:
            workers.wait_for_step(30)
            cut_off_at = time.monotonic()
            network.cut_off(1)
            for index in (0, 1):
                assert workers.code(index) == LOST
            seconds = time.monotonic() - cut_off_at
            # It was last heard up to an eighth before, and is judged as often.
            assert 0.75 < seconds / HEARTBEAT < 1.5
            for index, other in ((0, 1), (1, 0)):
                name = workers.name_of(other).capitalize()
                said = workers.last_line(index)
                assert f"{name} is lost: not heard for 8 seconds (--heartbeat)." in said
        states = run.run_dir / "checkpoints"
        assert has_checkpoint(states)
        network.plug_in(1)
        done = max(
            int(path.stem.removeprefix("step-")) for path in states.glob("*.json")
        )
        # Never 3, which is the usual number and would not be typed.
        epochs = done // 18 + 4
        again = dataclasses.replace(run, resume=True, epochs=epochs)
        with Workers(again, directory, prefixes=network.prefixes()) as workers:
            assert [workers.code(index) for index in (0, 1)] == [0, 0]
    assert (run.run_dir / "metrics.json").exists()
    last = max(states.glob("step-*.json"))
    assert last.stem == f"step-{18 * epochs:08d}"


def test_a_host_that_is_cut_off_from_the_start_is_named(settings, directory):
    run = dataclasses.replace(settings, name="apart", join_timeout=10.0)
    with Network() as network:
        network.cut_off(1)
        with Workers(run, directory, prefixes=network.prefixes()) as workers:
            for index, other in ((0, 1), (1, 0)):
                assert workers.code(index) == 2
                assert workers.name_of(other) in workers.last_line(index)
                assert "--join-timeout" in workers.last_line(index)
