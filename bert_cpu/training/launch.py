"""Starts several training processes on this machine and waits for them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from bert_cpu.hardware.numa import read_numa_nodes
from bert_cpu.import_paths import import_paths
from bert_cpu.training.share_cores import share_cores
from bert_cpu.training.stop import StopRequest, listening

# A request to stop is passed on as the other signal that means it: the terminal
# or the service manager may have sent the same one to the workers already, and
# the same one again stops at once, without saving.
_PASSED_ON = {signal.SIGINT: signal.SIGTERM, signal.SIGTERM: signal.SIGINT}
# When one worker has failed, the others find out and say so by themselves.
_FAREWELL_SECONDS = 1.0
_GRACE_SECONDS = 30.0


def launch_workers(
    command: Sequence[str], num_workers: int, threads: int, has_cluster: bool = False
) -> int:
    """Runs a command in several processes that know of each other.

    Each gets a share of the cores of its own, of one NUMA node if it can be, and
    `TF_CONFIG`. When one fails, the others are ended, because they would wait for
    it for ever. A first Ctrl-C or SIGTERM is passed on to them, so that they save
    and stop. What others than the first print has their number in front.

    Args:
        command: what each process runs.
        num_workers: int, 1 or more.
        threads: int. Cores for each.
        has_cluster: bool. The one worker is in a cluster with others elsewhere: its
            environment is left as it is.

    Returns:
        0, or the exit code of a process that failed: 2 if there is one, for a
        mistake of the user's; else of the first.

    Raises:
        UserError: if this process may use fewer cores than workers.
    """
    shares = share_cores(read_numa_nodes(), num_workers, threads)
    hosts = [f"127.0.0.1:{port}" for port in _free_ports(num_workers)]
    processes: list[subprocess.Popen] = []
    relays: list[threading.Thread] = []
    with listening() as stop:
        try:
            for index in range(num_workers):
                task = {"type": "worker", "index": index}
                config = json.dumps({"cluster": {"worker": hosts}, "task": task})
                ours = {} if has_cluster else {"TF_CONFIG": config}
                process = subprocess.Popen(
                    command,
                    env=os.environ | import_paths() | ours,
                    # The first one's bar needs the terminal itself.
                    stdout=subprocess.PIPE if index else None,
                    stderr=subprocess.STDOUT if index else None,
                )
                processes.append(process)
                os.sched_setaffinity(process.pid, shares[index])
                if index:
                    relay = threading.Thread(
                        target=_relay, args=(process, index), daemon=True
                    )
                    relay.start()
                    relays.append(relay)
            return _wait_for(processes, stop)
        finally:
            _end(processes)
            for relay in relays:
                relay.join(1.0)


def _wait_for(processes: list[subprocess.Popen], stop: StopRequest) -> int:
    is_passed_on = False
    while True:
        codes = [process.poll() for process in processes]
        failed = [code for code in codes if code]
        if failed:
            return 2 if 2 in failed else failed[0]
        if None not in codes:
            return 0
        if stop.is_set and not is_passed_on:
            for process in processes:
                process.send_signal(_PASSED_ON[signal.Signals(stop.number)])
            is_passed_on = True
        time.sleep(0.1)


def _end(processes):
    if any(process.poll() for process in processes):
        _wait_until(time.monotonic() + _FAREWELL_SECONDS, processes)
    for process in processes:
        if process.poll() is None:
            process.terminate()
            # One that was stopped can't hear before it goes on.
            process.send_signal(signal.SIGCONT)
    _wait_until(time.monotonic() + _GRACE_SECONDS, processes)
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def _wait_until(deadline, processes):
    while time.monotonic() < deadline and any(p.poll() is None for p in processes):
        time.sleep(0.05)


def _relay(process, index):
    """Passes on what a worker prints, with its number in front of each line."""
    with process.stdout:
        for line in process.stdout:
            text = line.decode(errors="replace").rstrip("\n")
            print(f"worker {index}: {text}", file=sys.stderr, flush=True)


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
