"""The guard of conftest.py stops what leaves this machine, and nothing else."""

import contextlib
import socket

import pytest


@pytest.mark.parametrize(
    "reach_out",
    [
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=0.1),
        lambda: socket.getaddrinfo("example.org", 443),
        lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"?", ("192.0.2.1", 53)),
    ],
)
# The refused sockets of these three lines are closed by the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_leaves_the_machine_is_refused_and_remembered(reach_out, network_guard):
    with pytest.raises(OSError, match="may not reach the network"):
        reach_out()
    assert len(network_guard.attempts) == 1
    network_guard.attempts.clear()


def test_two_processes_on_this_machine_may_talk(network_guard):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = ("localhost", server.getsockname()[1])
        with contextlib.closing(socket.create_connection(address)) as client:
            client.sendall(b"hello")
            connection, _ = server.accept()
            with connection:
                assert connection.recv(5) == b"hello"
    assert network_guard.attempts == []
