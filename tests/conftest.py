"""What all tests share: strict settings, and no network.

Warnings are errors (setup.cfg lists the exceptions, each with its reason).
"""

import functools
import ipaddress
import os
import pathlib
import sys

import hypothesis
import made_up_computer
import pytest
import tiny_command

# Before anything imports TensorFlow, and for the commands that tests start.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

hypothesis.settings.register_profile("laptop", deadline=None, max_examples=50)
hypothesis.settings.register_profile(
    "ci", hypothesis.settings.get_profile("laptop"), derandomize=True, database=None
)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "laptop")


class _NetworkGuard:
    """Refuses what would leave this machine, and remembers that it was tried.

    An audit hook sees every socket of this process, whichever library opens it.
    It can't be taken out again, so it is told which tests it watches.
    """

    def __init__(self):
        self.watches = False
        self.attempts = []
        sys.addaudithook(self._hear)

    def _hear(self, event, arguments):
        if not self.watches:
            return
        if event in ("socket.connect", "socket.sendto"):
            address = arguments[1]
            # A Unix socket's address is a path: it stays on this machine.
            host = address[0] if isinstance(address, tuple) else "localhost"
        elif event == "socket.getaddrinfo":
            host = arguments[0]
        else:
            return
        if not _is_loopback(host):
            self.attempts.append(f"{event} to {host!r}")
            raise OSError(f"a test may not reach the network: {event} to {host!r}")


def _is_loopback(host):
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_guard = _NetworkGuard()


@pytest.fixture(autouse=True)
def network_guard(request):
    """Fails a test that tries to leave this machine, even if the error is caught.

    Slow tests are let through: theirs are the checkpoints and data sets that
    come from the package index.
    """
    _guard.attempts.clear()
    _guard.watches = request.node.get_closest_marker("slow") is None
    yield _guard
    _guard.watches = False
    assert not _guard.attempts, f"a test reached for the network: {_guard.attempts}"


@pytest.fixture(scope="session")
def project_dir():
    """The clone's root: the directory that holds setup.cfg."""
    return pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture
def computer(tmp_path):
    """Writes the files of a made-up computer, and reads them."""
    return functools.partial(made_up_computer.write_computer, tmp_path)


@pytest.fixture(scope="session")
def reviews_run(tmp_path_factory):
    """A run on data/reviews_en.csv, in a place with a space in its name."""
    directory = tmp_path_factory.mktemp("commands")
    data = tiny_command.DATA / "reviews_en.csv"
    return tiny_command.train_and_export(directory, "评论 of 60", "--data", data)
