"""Starts a run's workers on this machine, or one of a cluster's, again if need be."""

import dataclasses
import pathlib
import sys
import tempfile
from typing import TypeVar

from bert_cpu import storage
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.numa import read_numa_nodes
from bert_cpu.settings import RunSettings
from bert_cpu.stored_settings import save_settings
from bert_cpu.training.choose_workers import choose_workers
from bert_cpu.training.launch import launch_workers
from bert_cpu.training.restart import with_restarts
from bert_cpu.training.screen import Screen

Settings = TypeVar("Settings", bound=RunSettings)
_WORKER = (sys.executable, "-P", "-m", "bert_cpu.commands.worker")


def with_workers(settings: Settings) -> Settings:
    """Settles on a number of workers for this machine, if settings leave it open."""
    return choose_workers(settings, read_numa_nodes(), read_hardware().cores)


def start_workers(settings: RunSettings) -> int:
    """Starts the workers of a run whose directory and records are there.

    Returns:
        The exit code of the last attempt; see `with_restarts`.

    Raises:
        UserError: if there are fewer cores than workers.
    """
    run_dir = settings.run_dir

    def attempt(settings):
        with storage.written_aside(run_dir / "config.json") as aside:
            save_settings(settings, aside)
        command = [*_WORKER, str(run_dir)]
        return launch_workers(command, settings.workers, settings.threads)

    return with_restarts(settings, attempt, Screen().say)


def start_member(settings: RunSettings) -> int:
    """Runs one worker of a cluster in a process below this one, which outlives it.

    When a worker is lost all others stop, and each is started again by its own.

    Returns:
        The exit code of the last attempt; see `with_restarts`.
    """

    def attempt(settings):
        with tempfile.TemporaryDirectory(prefix="bert-cpu-") as directory:
            path = pathlib.Path(directory) / "config.json"
            save_settings(dataclasses.replace(settings, restarts=0), path)
            command = [*_WORKER, "--member", directory]
            return launch_workers(command, 1, settings.threads, has_cluster=True)

    return with_restarts(settings, attempt, Screen().say)
