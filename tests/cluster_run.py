"""`bert-cpu train --cluster …` in a process for each worker, as on two machines."""

import dataclasses
import signal
import subprocess
import time

import psutil
import tiny_run
from warm import free_ports

from bert_cpu.training.history import read_history

# Seconds that anything may take on a machine that has more to do.
_LONGEST = 600.0


class Workers:
    """The processes, which are ended with the block, whatever happens in it."""

    def __init__(self, settings, directory, indices=(0, 1), prefixes=None):
        """
        Args:
            settings: of the run, in a process for each of the two.
            directory: where what they print is kept.
            indices: of those that are started.
            prefixes: for each of the two, its address and a command that goes before
                its own.
        """
        ports = free_ports(2)
        hosts = [host for host, _ in prefixes or [("127.0.0.1", [])] * 2]
        self.addresses = [
            f"{host}:{port}" for host, port in zip(hosts, ports, strict=True)
        ]
        self._run_dir = settings.run_dir
        self._processes, self._logs = {}, {}
        for index in indices:
            each = dataclasses.replace(
                settings, cluster=",".join(self.addresses), index=index
            )
            prefix = prefixes[index][1] if prefixes else []
            self._logs[index] = directory / f"{settings.name}-{index}.log"
            with self._logs[index].open("w") as log:
                self._processes[index] = subprocess.Popen(
                    [*prefix, *tiny_run.command(each)],
                    env=tiny_run.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for index, process in self._processes.items():
            end_family(process)
            print(f"worker {index} said:\n{self.said(index)[-3000:]}")

    def said(self, index):
        return self._logs[index].read_text(errors="replace")

    def last_line(self, index):
        """What was said of an end that was none of the worker's own making."""
        said = self.said(index)
        assert "Traceback" not in said, said
        (line,) = [line for line in said.splitlines() if line.startswith("bert-cpu: ")]
        return line

    def name_of(self, index):
        return f"worker {index} ({self.addresses[index]})"

    def wait_for_step(self, step):
        """Returns when the chief has written of a step."""
        wait_for_step(self._run_dir, step, self._processes.values())

    def send(self, index, number):
        self._processes[index].send_signal(number)

    def worker_below(self, index):
        """The process that trains, where the command only watches it."""
        return worker_below(self._processes[index].pid)

    def code(self, index):
        """What a worker leaves with, once it has."""
        return self._processes[index].wait(_LONGEST)


def wait_for_step(run_dir, step, processes):
    deadline = time.monotonic() + _LONGEST
    while not any(event["step"] >= step for event in read_history(run_dir)):
        assert time.monotonic() < deadline, f"step {step} did not come"
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)


def worker_below(pid, last=True):
    """A process that a command has started to train; the last one, or the first."""
    found = [
        process
        for process in psutil.Process(pid).children()
        if "bert_cpu.commands.worker" in process.cmdline()
    ]
    return sorted(found, key=lambda process: process.create_time())[-int(last)]


def end_family(process):
    """Ends a process and all that it has started, also those that were stopped."""
    try:
        family = [*psutil.Process(process.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()
    for each in family:
        if each.is_running():
            each.kill()
