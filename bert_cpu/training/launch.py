"""Starts several training processes on this machine and waits for them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from bert_cpu.errors import UserError
from bert_cpu.settings import RunSettings
from bert_cpu.training.stop import StopRequest, listening

# A request to stop is passed on as the other signal that means it: the terminal
# or the service manager may have sent the same one to the workers already, and
# the same one again stops at once, without saving.
_PASSED_ON = {signal.SIGINT: signal.SIGTERM, signal.SIGTERM: signal.SIGINT}


def launch_run(settings: RunSettings) -> int:
    """Starts the workers of a run whose directory and records are there.

    Returns, raises: see `launch_workers`.
    """
    command = [sys.executable, "-m", "bert_cpu.commands.worker", str(settings.run_dir)]
    return launch_workers(command, settings.workers, settings.threads)


def launch_workers(command: Sequence[str], num_workers: int, threads: int) -> int:
    """Runs a command in several processes that know of each other.

    Each gets a share of the cores of its own, and `TF_CONFIG`. When one fails,
    the others are ended, because they would wait for it for ever. A first Ctrl-C
    or SIGTERM is passed on to them, so that they save and stop.

    Args:
        command: what each process runs.
        num_workers: int, 2 or more.
        threads: int. Cores for each.

    Returns:
        The exit code of the first process that failed, or 0.

    Raises:
        UserError: if this process may use fewer cores than workers.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < num_workers:
        raise UserError(
            f"--workers is {num_workers}, but this process may use only {len(cores)} "
            "cores. Ask for one worker a core at most."
        )
    hosts = [f"127.0.0.1:{port}" for port in _free_ports(num_workers)]
    processes: list[subprocess.Popen] = []
    with listening() as stop:
        try:
            for index in range(num_workers):
                task = {"type": "worker", "index": index}
                config = json.dumps({"cluster": {"worker": hosts}, "task": task})
                process = subprocess.Popen(
                    command, env={**os.environ, "TF_CONFIG": config}
                )
                processes.append(process)
                share = _share_of(cores, index, num_workers, threads)
                os.sched_setaffinity(process.pid, share)
            return _wait_for(processes, stop)
        finally:
            _end(processes)


def _wait_for(processes: list[subprocess.Popen], stop: StopRequest) -> int:
    is_passed_on = False
    while True:
        codes = [process.poll() for process in processes]
        failed = [code for code in codes if code]
        if failed:
            return failed[0]
        if None not in codes:
            return 0
        if stop.is_set and not is_passed_on:
            for process in processes:
                process.send_signal(_PASSED_ON[signal.Signals(stop.number)])
            is_passed_on = True
        time.sleep(0.1)


def _end(processes, grace_seconds=30):
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _share_of(cores, index, num_workers, threads):
    size = len(cores) // num_workers
    share = cores[index * size : (index + 1) * size]
    # Fewer threads than cores: the rest stays free for others.
    return set(share[:threads]) if threads else set(share)


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
