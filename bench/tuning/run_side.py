"""One side of the race: a process that searches until its budget ends."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from bench.contestant import ROOT, contestant_environment
from bench.new_process import CLI

SIDES = ("ours", "theirs")
# Beside the budget: for starting, reading the texts, and leaving.
GRACE_SECONDS = 600.0
# What Keras calls our dtypes.
_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


class SideFailed(Exception):
    """A side that came to no end; says where it left its words."""


def run_side(
    side: str,
    given: Mapping[str, Any],
    pythons: Mapping[str, str],
    cores: Sequence[int],
    work: pathlib.Path,
) -> pathlib.Path:
    """Runs one side, alone on the cores.

    Args:
        side: of `SIDES`.
        given: `train`, `validation`, `test`, `encoder`, `max_length`, `epochs`, `seed`,
            `dtype` and `budget_seconds`.
        pythons: "ours" and "peers" -> the interpreter of that environment.
        cores: numbers of the only cores that it may use.
        work: the directory for its trials and its log. What an earlier race left there
            is deleted.

    Returns:
        Where its trials are; see `read_trials`.

    Raises:
        SideFailed: if it dies, or is still there long after the budget.
    """
    directory, log = work / side, work / f"{side}.log"
    shutil.rmtree(directory, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    command = {"ours": _ours, "theirs": _theirs}[side](given, pythons, directory)
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=contestant_environment(os.environ, len(cores)),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            # Whatever it starts is ended with it.
            start_new_session=True,
        )
        try:
            if hasattr(os, "sched_setaffinity"):  # Only Linux has it.
                os.sched_setaffinity(process.pid, set(cores))
            code = process.wait(given["budget_seconds"] + GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if code is None:
        raise SideFailed(f"{side} went on long after its budget: '{log}' says how.")
    if code:
        raise SideFailed(f"{side} ended with exit code {code}: '{log}' says why.")
    return directory / "race" if side == "ours" else directory


def _ours(given, pythons, directory):
    options = {
        "data": given["train"],
        "validation": given["validation"],
        "test": given["test"],
        "encoder": given["encoder"],
        "max-length": given["max_length"],
        "algorithm": "hyperband",
        "epochs": given["epochs"],
        "seed": given["seed"],
        "dtype": given["dtype"],
        "budget": f"{given['budget_seconds']:.0f}s",
        "final-seeds": 0,
        "sweeps-dir": directory,
        "name": "race",
    }
    words = [str(w) for name, value in options.items() for w in (f"--{name}", value)]
    return [pythons["ours"], *CLI, "tune", *words]


def _theirs(given, pythons, directory):
    told = {**given, "dtype": _POLICIES[given["dtype"]], "directory": str(directory)}
    return [
        pythons["peers"],
        *("-m", "bench.peers.keras_tuner_search"),
        json.dumps(told),
    ]
