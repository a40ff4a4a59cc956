"""One trial, in a process of its own: our training, without test and report."""

import dataclasses
import json
import pathlib
import shutil
import time
from typing import Any

from bert_cpu import storage
from bert_cpu.search.measure_converted import measure_converted
from bert_cpu.settings import TrainSettings
from bert_cpu.stored_settings import load_settings
from bert_cpu.training.assemble import assemble
from bert_cpu.training.checkpoint import has_checkpoint
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.fit import fit
from bert_cpu.training.screen import Screen
from bert_cpu.training.work import count_weights, describe_work


def run_trial(directory: pathlib.Path) -> None:
    """Trains as a trial's files say, and writes `result.json` beside them.

    Args:
        directory: of the trial. `config.json` holds the settings of training, whose
            `epochs` are those that the learning rate falls over, and `plan.json`
            says how many of these are done here (`last_epoch`), what they go on from
            (`continues`, a directory, or null), and whether the converted model is
            measured (`converts`). A trial that was killed goes on from its own last
            checkpoint.

    Raises:
        UserError: if training can't begin, or its loss is not a number.
        Interrupted: if it was asked to stop; its state is saved.
    """
    started = time.time()
    plan = json.loads((directory / "plan.json").read_text(encoding="utf-8"))
    settings = load_settings(directory / "config.json")
    assert isinstance(settings, TrainSettings)
    checkpoints = directory / "checkpoints"
    if not has_checkpoint(checkpoints) and plan["continues"]:
        _take_over(pathlib.Path(plan["continues"]), directory)
    run = assemble(settings, Cluster(), Screen(quiet=True))
    try:
        progress = fit(
            run.trainee,
            dataclasses.replace(
                settings, epochs=plan["last_epoch"], resume=has_checkpoint(checkpoints)
            ),
            Cluster(),
            run.strategy,
            run.manifest.fingerprint,
            Screen(quiet=True),
        )
    finally:
        if run.ahead:
            run.ahead.stop()
    trained = time.time()
    result: dict[str, Any] = {
        "metrics": _numbers(run.evaluation("validation")),
        "best_epoch": progress.best_epoch,
        "epochs": progress.epoch,
        "parameters": count_weights(run.model),
        "train": describe_work(progress),
    }
    if plan["converts"]:
        result["converted"] = measure_converted(run, directory)
    ended = time.time()
    result["times"] = {
        "started": started,
        "train_seconds": trained - started,
        "measure_seconds": ended - trained,
    }
    storage.write_json(directory / "result.json", result)


def _take_over(before: pathlib.Path, directory: pathlib.Path) -> None:
    """Copies the state of the trial of the rung below, if it is still there."""
    if not has_checkpoint(before / "checkpoints"):
        return  # It is trained from the start then, to the same weights.
    with storage.new_directory(directory / "checkpoints") as aside:
        shutil.copytree(before / "checkpoints", aside, dirs_exist_ok=True)
    shutil.copyfile(before / "history.jsonl", directory / "history.jsonl")


def _numbers(measured):
    return {
        name: value
        for name, value in measured.items()
        if isinstance(value, int | float)
    }
