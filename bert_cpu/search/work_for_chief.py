"""A worker of a sweep over several processes: it runs what its chief chooses."""

import dataclasses
import pathlib
import socket
import time
from collections.abc import Mapping, Sequence

from bert_cpu.errors import Interrupted, UserError
from bert_cpu.hardware.numa import read_numa_nodes
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.search.check_sweep import check_sweep
from bert_cpu.search.read_space import read_space
from bert_cpu.search.recipes import base_settings
from bert_cpu.search.run_trials import run_trials
from bert_cpu.search.state import SweepState
from bert_cpu.search.sweep_directory import resumed_sweep
from bert_cpu.search.trial_runner import TrialRunner
from bert_cpu.training.screen import Screen
from bert_cpu.training.share_cores import share_cores
from bert_cpu.training.stop import StopRequest, listening
from bert_cpu.tune_settings import TuneSettings

_PATIENCE_SECONDS = 300.0


def work_for_chief(
    settings: TuneSettings,
    command: Sequence[str],
    screen: Screen,
    environment: Mapping[str, str],
) -> None:
    """Runs trials in the chief's sweep directory, which both must see.

    Args:
        settings: as the chief's; what is not given is as the chief has it.
        command: runs a trial, with its directory behind it.
        screen: shows a line for each trial.
        environment: names the chief's address, as `read_role` has checked.

    Raises:
        UserError: if no chief answers, or its sweep is another one.
        Interrupted: if it was asked to stop.
    """
    shares = share_cores(read_numa_nodes(), settings.workers)
    space = None if settings.space is None else read_space(pathlib.Path(settings.space))
    with listening() as stop:
        _wait_for_chief(environment, stop)
        # The chief has made its directory before it answers.
        settings, space = resumed_sweep(settings, space)
        settings = dataclasses.replace(settings, resume=True, overwrite=False)
        checkpoint = open_checkpoint(settings.encoder)
        objective = check_sweep(settings, space, checkpoint)
        budget = settings.budget_seconds
        state = SweepState(stop, None if budget is None else time.monotonic() + budget)
        runner = TrialRunner(
            settings,
            base_settings(settings, space),
            objective,
            checkpoint,
            command,
            state,
            screen.say,
        )
        run_trials(runner, space, shares, "worker", lambda: None)
    if state.failure is not None:
        raise state.failure
    if stop.is_set:
        raise Interrupted("Stopped. The chief waits for this worker's trials.")


def _wait_for_chief(environment: Mapping[str, str], stop: StopRequest) -> None:
    host = environment["KERASTUNER_ORACLE_IP"]
    port = int(environment["KERASTUNER_ORACLE_PORT"])
    end = time.monotonic() + _PATIENCE_SECONDS
    while not stop.is_set:
        try:
            socket.create_connection((host, port), timeout=5.0).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise UserError(
                    f"No chief answers at {host}:{port} ({error}). Start the process "
                    "whose KERASTUNER_TUNER_ID is chief, and check the address."
                ) from None
            time.sleep(0.5)
    raise Interrupted("Stopped.")
