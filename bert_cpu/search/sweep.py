"""A whole sweep: trials, the best on more seeds, and what came out."""

import pathlib
import shlex
import shutil
import time
from collections.abc import Sequence
from typing import Any

from bert_cpu.errors import Interrupted, UserError
from bert_cpu.hardware.numa import read_numa_nodes
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.report.write_sweep_report import write_sweep_report
from bert_cpu.search.check_sweep import check_sweep, has_use
from bert_cpu.search.default_space import default_space
from bert_cpu.search.final_runs import describe_final, final_runs
from bert_cpu.search.read_space import read_space
from bert_cpu.search.recipes import base_settings, final_recipes, first_settings
from bert_cpu.search.role import Role
from bert_cpu.search.run_trials import run_trials
from bert_cpu.search.shared_records import shared_records
from bert_cpu.search.state import SweepState
from bert_cpu.search.summary import update_summary
from bert_cpu.search.sweep_directory import (
    begun_sweep,
    read_sweep,
    resumed_sweep,
    save_sweep,
)
from bert_cpu.search.trial_runner import TrialRunner
from bert_cpu.training.screen import Screen
from bert_cpu.training.share_cores import share_cores
from bert_cpu.training.stop import listening
from bert_cpu.tune_settings import TuneSettings


def run_sweep(
    settings: TuneSettings,
    command: Sequence[str],
    screen: Screen,
    role: Role = "alone",
) -> dict[str, Any]:
    """Searches, trains the best on more seeds, and writes what came out.

    Args:
        settings: of the sweep.
        command: runs a trial or a run, with its directory behind it.
        screen: shows a line for each trial.
        role: "alone", or "chief": then others run the trials. See `read_role`.

    Returns:
        What `sweep.json` holds.

    Raises:
        UserError: for every mistake in what was given, or if no trial could be
            trained within the budget and the limits.
        Interrupted: if it was asked to stop; trials that ended are kept.
    """
    shares = share_cores(read_numa_nodes(), settings.workers)
    space = None if settings.space is None else read_space(pathlib.Path(settings.space))
    if settings.resume:
        settings, space = resumed_sweep(settings, space)
    checkpoint = open_checkpoint(settings.encoder)
    if space is None:
        space = default_space(
            checkpoint.config.num_hidden_layers,
            settings.max_length,
            settings.has_limits,
            settings.algorithm == "hyperband",
            has_use(settings, "label_smoothing", 0.1),
        )
    objective = check_sweep(settings, space, checkpoint)
    with begun_sweep(settings, space) as begun, listening() as stop:
        directory = begun.sweep_dir

        def records(train):
            return shared_records(train, directory / "records", checkpoint, screen)

        # Made before any trial, so that a mistake in the data is said at once.
        records(first_settings(begun, space))
        spent = read_sweep(directory).get("seconds", 0.0)
        budget = begun.budget_seconds
        started = time.monotonic()
        state = SweepState(stop, None if budget is None else started + budget - spent)
        runner = TrialRunner(
            begun,
            base_settings(begun, space),
            objective,
            checkpoint,
            command,
            state,
            screen.say,
        )

        def summarize():
            seconds = spent + time.monotonic() - started
            return update_summary(directory, objective, seconds, begun.has_limits)

        run_trials(runner, space, shares, role, summarize)
        content = summarize()
        write_sweep_report(directory)
        if state.failure is not None:
            raise state.failure
        if stop.is_set:
            raise _stopped(begun, content)
        _expect_a_best(begun, content)
        if begun.final_seeds:
            best = next(t for t in content["trials"] if t["id"] == content["best"])
            recipes = final_recipes(begun, space, _as_trained(best))
            screen.say(f"Training {len(recipes)} runs to compare, with the test split")
            if begun.overwrite:
                for train in recipes.values():
                    shutil.rmtree(train.run_dir, ignore_errors=True)
            runs = final_runs(recipes, records, shares, command, state, screen.say)
            if stop.is_set:
                raise _stopped(begun, content)
            content["final"] = describe_final(runs, objective)
            save_sweep(directory, content)
            write_sweep_report(directory)
            # A sweep that goes on trains again what it would have gone on from.
            for checkpoints in (directory / "trials").glob("*/checkpoints"):
                shutil.rmtree(checkpoints, ignore_errors=True)
    return content


def _as_trained(trial):
    """The values of a trial as they were, with what had to give way."""
    return {name: trial["settings"][name] for name in trial["values"]}


def _stopped(settings, content):
    where = f"--name {shlex.quote(settings.name)}"
    if settings.sweeps_dir != TuneSettings.sweeps_dir:
        where += f" --sweeps-dir {shlex.quote(settings.sweeps_dir)}"
    return Interrupted(
        f"Stopped after {len(content['trials'])} trials, and kept them. Go on with "
        f"{where} --resume."
    )


def _expect_a_best(settings, content):
    if content["best"] is not None:
        return
    trials, directory = content["trials"], settings.sweep_dir
    measured = [v for trial in trials for v in trial.get("converted", ())]
    if measured:
        fastest = min(variant["latency_ms"] for variant in measured)
        smallest = min(variant["size_mb"] for variant in measured)
        raise UserError(
            f"None of {len(trials)} trials has a model within the limits: the fastest "
            f"takes {fastest:.2f} ms, the smallest has {smallest:.1f} MB. Raise "
            "--max-latency-ms or --max-size-mb, or search fewer keep_layers."
        )
    said = next((trial["message"] for trial in trials if trial["message"]), None)
    raise UserError(
        f"No trial of '{directory}' has a score{f' ({said})' if said else ''}. Go on "
        "with --resume and a longer --budget."
    )
