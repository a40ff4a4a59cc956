"""Workers meet before they train, and learn which of them is lost."""

import contextlib
import socket
import threading
import time

import pytest

from bert_cpu.errors import UserError
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.together import together
from bert_cpu.training.cluster.watch import Watch

FACTS = {"--seed": "0", "the code": "a" * 64, "the data": "b" * 64}


@pytest.fixture
def cluster():
    """Three workers at ports that are free."""
    with contextlib.ExitStack() as stack:
        endpoints = [stack.enter_context(socket.socket()) for _ in range(3)]
        for endpoint in endpoints:
            endpoint.bind(("127.0.0.1", 0))
        ports = [endpoint.getsockname()[1] for endpoint in endpoints]
    return Cluster(tuple(f"127.0.0.1:{port}" for port in ports), 0, "--cluster")


def watch_of(cluster, index, heartbeat=10.0, found=None, facts=None):
    this = Cluster(cluster.workers, index, cluster.source)
    hear = [].append if found is None else found.append
    return Watch(this, facts or FACTS, heartbeat, hear)


def meet(watches, timeout=10.0):
    """All meet at once; gives what each was told, None for those that are welcome."""
    told = {}

    def attend(index):
        try:
            watches[index].meet(timeout)
            told[index] = None
        except UserError as error:
            told[index] = str(error)

    threads = [threading.Thread(target=attend, args=(index,)) for index in watches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return told


def test_workers_that_agree_meet_and_part(cluster):
    found = []
    watches = {index: watch_of(cluster, index, 1.0, found) for index in range(3)}
    assert meet(watches) == {0: None, 1: None, 2: None}
    # TensorFlow's server listens at the same ports from now on.
    for worker in cluster.workers:
        with socket.socket() as endpoint:
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            endpoint.bind(("0.0.0.0", int(worker.rpartition(":")[2])))
            endpoint.listen()
    time.sleep(1.5)
    for watch in watches.values():
        watch.leave(0, "")
    assert found == []


def test_a_missing_worker_is_named_to_all_that_came(cluster):
    told = meet({index: watch_of(cluster, index) for index in (0, 1)}, timeout=2.0)
    for line in told.values():
        assert "within 2 seconds (--join-timeout)" in line
        assert f"missing worker 2 ({cluster.workers[2]})" in line


def test_a_missing_chief_is_named(cluster):
    (line,) = meet({1: watch_of(cluster, 1)}, timeout=1.0).values()
    assert f"worker 0 ({cluster.workers[0]}), the chief, could not be reached" in line
    assert "nothing listens there" in line


@pytest.mark.parametrize("name", list(FACTS))
def test_what_differs_is_said_to_all(cluster, name):
    other = FACTS | {name: "7"}
    watches = {0: watch_of(cluster, 0), 1: watch_of(cluster, 1)}
    watches[2] = watch_of(cluster, 2, facts=other)
    told = meet(watches)
    assert len(set(told.values())) == 1
    start = f"worker 2 ({cluster.workers[2]}) differs from worker 0"
    assert told[0].startswith(start)
    assert f"{name} is 7, not {FACTS[name][:16]}" in told[0]


def test_a_port_in_use_is_said(cluster):
    with socket.socket() as endpoint:
        port = int(cluster.workers[1].rpartition(":")[2])
        endpoint.bind(("127.0.0.1", port))
        endpoint.listen()
        (line,) = meet({1: watch_of(cluster, 1)}, timeout=1.0).values()
    assert line.startswith(f"Port {port} of worker 1 (127.0.0.1:{port}) is in use")


def test_what_strangers_send_is_ignored(cluster):
    watches = {index: watch_of(cluster, index) for index in range(3)}
    told = {}
    chief = threading.Thread(target=lambda: told.update(meet({0: watches[0]})))
    chief.start()
    for rubbish in (b"GET / HTTP/1.1\r\n\r\n", b"x" * 200_000, b"[" * 50_000 + b"\n"):
        address = ("127.0.0.1", int(cluster.workers[0].rpartition(":")[2]))
        for _ in range(100):
            with contextlib.suppress(OSError):
                with socket.create_connection(address, 1) as stranger:
                    stranger.sendall(rubbish)
                break
            time.sleep(0.02)
    told.update(meet({index: watches[index] for index in (1, 2)}))
    chief.join(10)
    assert told == {0: None, 1: None, 2: None}
    for watch in watches.values():
        watch.leave(0, "")


def test_a_mistake_of_one_is_told_to_the_others(cluster):
    found = {index: [] for index in range(3)}
    watches = {i: watch_of(cluster, i, 5.0, found[i]) for i in range(3)}
    meet(watches)
    watches[1].leave(2, "The disk is full.")
    for index in (0, 2):
        watches[index].wait(5)
        (gone,) = found[index]
        name = f"worker 1 ({cluster.workers[1]})"
        assert (gone.why, gone.code) == (f"{name} stopped: The disk is full.", 2)


def test_alone_there_is_nobody_to_meet():
    with together(Cluster(), {}, 1.0, 1.0):
        pass
