"""The end of a sweep: the best settings and the default ones, on the same seeds."""

import dataclasses
import functools
import json
import pathlib
import queue
import shutil
import statistics
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from bert_cpu import storage
from bert_cpu.errors import UserError
from bert_cpu.search.child import last_words, run_child
from bert_cpu.search.slots import run_slots
from bert_cpu.search.state import SweepState
from bert_cpu.settings import TrainSettings
from bert_cpu.stored_settings import load_settings, save_settings
from bert_cpu.training.checkpoint import has_checkpoint
from bert_cpu.training.run_directory import start_run

# What may differ in a run that is the same; of prepared data the path is whole.
_FREE = ("data", "threads", "resume", "overwrite")


def final_runs(
    recipes: Mapping[str, TrainSettings],
    records: Callable[[TrainSettings], pathlib.Path],
    shares: Sequence[Set[int]],
    command: Sequence[str],
    state: SweepState,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Trains each recipe on each seed as a run of its own, with test and bundle.

    A run that is done already, before the sweep was killed, is not trained again.

    Args:
        recipes: "best 0" and the like -> the settings of its run, whose directory
            need not be there.
        records: gives those for a recipe.
        shares: the cores of each run at the same time.
        command: trains a run, with its directory behind it.
        state: says when to stop.
        say: shows a line.

    Returns:
        list of dict, one a run: `recipe`, `seed`, `run_dir`, `validation`, `test`
        (metrics by name) and `seconds`.

    Raises:
        UserError: if a run fails.
    """
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    for item in recipes.items():
        waiting.put(item)
    done: dict[str, dict[str, Any]] = {}

    def work(cores):
        while not state.stop.is_set:
            try:
                name, settings = waiting.get_nowait()
            except queue.Empty:
                return
            settings = dataclasses.replace(settings, threads=len(cores))
            if not _is_the_same(settings):
                # Of a best that a sweep which went on has found a better one than.
                shutil.rmtree(settings.run_dir, ignore_errors=True)
            if not (settings.run_dir / "metrics.json").is_file():
                _train(settings, records(settings), cores, command, state)
            if not state.stop.is_set:
                done[name] = _read(name.split()[0], settings)
                say(_line(done[name]))

    run_slots([functools.partial(work, cores) for cores in shares], state)
    return [done[name] for name in recipes if name in done]


def describe_final(runs: Sequence[Mapping[str, Any]], metric: str) -> dict[str, Any]:
    """What the final runs come to: means over seeds, and the gain over the default.

    Args:
        runs: as `final_runs` gives them.
        metric: to compare by.

    Returns:
        dict: `runs`; `best_run`, the best recipe's directory with the best validation
        score; `recipes`, name -> mean and standard deviation of the test's metric;
        and, with both recipes, `gain`: the mean difference of their tests, `error`,
        its standard error over the seeds (None for one seed).
    """
    lower = metric == "loss"
    ours = [run for run in runs if run["recipe"] == "best"]
    choose = min if lower else max
    best = choose(ours, key=lambda run: run["validation"][metric])
    recipes = {}
    for name in dict.fromkeys(run["recipe"] for run in runs):
        tests = [run["test"][metric] for run in runs if run["recipe"] == name]
        recipes[name] = {
            "mean": statistics.fmean(tests),
            "deviation": statistics.stdev(tests) if len(tests) > 1 else None,
        }
    content = {
        "metric": metric,
        "runs": list(runs),
        "best_run": best["run_dir"],
        "recipes": recipes,
    }
    theirs = {run["seed"]: run for run in runs if run["recipe"] == "default"}
    if theirs:
        gains = [
            run["test"][metric] - theirs[run["seed"]]["test"][metric] for run in ours
        ]
        content["gain"] = statistics.fmean(gains)
        content["error"] = (
            statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else None
        )
    return content


def _is_the_same(settings):
    """Whether the run that is there, if one is, was trained as it is to be now."""
    path = settings.run_dir / "config.json"
    if not path.is_file():
        return True
    before = load_settings(path)
    now = {name: getattr(settings, name) for name in _FREE}
    return dataclasses.replace(before, **now) == settings


def _train(settings, records, cores, command, state):
    run_dir = settings.run_dir
    if has_checkpoint(run_dir / "checkpoints"):
        settings = dataclasses.replace(settings, resume=True)
        with storage.written_aside(run_dir / "config.json") as aside:
            save_settings(settings, aside)
    else:
        # Killed before its first checkpoint, there may be the beginning of one.
        is_begun = (run_dir / "config.json").is_file()
        start_run(dataclasses.replace(settings, overwrite=is_begun))
        shutil.rmtree(
            run_dir.with_name(f".{run_dir.name}.replaced"), ignore_errors=True
        )
        if settings.data != str(records):
            # Its own, so that it outlives the sweep.
            with storage.new_directory(run_dir / "records") as aside:
                shutil.copytree(records, aside, dirs_exist_ok=True)
    log = run_dir / "log.txt"
    code, reason = run_child(
        [*command, str(run_dir)],
        log,
        cores,
        lambda: "stop" if state.stop.is_set else None,
    )
    if code and reason is None:
        raise UserError(f"'{run_dir}' could not be trained: {last_words(log)}")


def _read(recipe, settings):
    path = settings.run_dir / "metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    return {
        "recipe": recipe,
        "seed": settings.seed,
        "run_dir": str(settings.run_dir),
        "validation": metrics["validation"],
        "test": {
            name: value
            for name, value in metrics["test"].items()
            if isinstance(value, int | float)
        },
        "metrics": metrics["metrics"],
        "seconds": metrics["train"]["seconds"],
    }


def _line(run):
    first = run["metrics"][0]
    return (
        f"{run['recipe']} with seed {run['seed']}: validation {first} "
        f"{run['validation'][first]:.4f}, test {run['test'][first]:.4f}"
    )
