r"""Trains ours and the baseline on the same files, three seeds each: prints a table.

    python -m bench.baselines.compare --task tag --output bench-work/wnut17 \
        --train FILE --validation FILE --test FILE

Runs are started one at a time, seed by seed, each in a process of its own. Each
leaves OUTPUT/RUN-SEED.json when it is done; those that are there are not run again,
so that the same command goes on after a stop.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bench.contestant import ROOT, contestant_environment
from bench.new_process import CLI
from bench.workplace import usable_cores
from bert_cpu.data.minilm import minilm_directory
from bert_cpu.storage import write_json

BASELINE = "transformers-torch"
# What is run -> what it is called, and its options beside those of all.
RUNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ours": (
        "ours, float32, no moving average",
        ("--dtype", "float32", "--ema", "0"),
    ),
    "ours-defaults": ("ours, defaults", ()),
    BASELINE: ("transformers + torch, float32", ("--dtype", "float32")),
    f"{BASELINE}-bfloat16": (
        "transformers + torch, bfloat16",
        ("--dtype", "bfloat16"),
    ),
}
_USUAL = ("ours", "ours-defaults", BASELINE)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What all runs of a comparison have in common: files and options by flag."""

    task: str
    train: str
    validation: str | None
    test: str | None
    encoder: str
    options: Mapping[str, int | float]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    encoder = options.encoder
    plan = Plan(
        options.task,
        options.train,
        options.validation,
        options.test,
        # By its directory, which both can read.
        os.fspath(minilm_directory()) if encoder == "minilm" else encoder,
        {
            name: getattr(options, name)
            for name in (
                *("epochs", "batch_size", "learning_rate"),
                *("max_length", "stride", "threads"),
            )
        },
    )
    pythons = {"ours": sys.executable, "peers": options.peers}
    results = compare(plan, options.runs, options.seeds, options.output, pythons)
    print(results_table(results))
    return 0


def compare(
    plan: Plan,
    runs: Sequence[str],
    seeds: Sequence[int],
    directory: pathlib.Path,
    pythons: Mapping[str, str],
) -> dict[str, list[dict[str, Any]]]:
    """Runs what is not there yet.

    Args:
        plan: what they have in common.
        runs: of `RUNS`.
        seeds: of each run.
        directory: keeps results, logs, and our runs: the last seed of each.
        pythons: "ours" and "peers" -> the interpreter of that environment.

    Returns:
        For each run, a dict a seed: `seed`, `test` (metrics), `best_epoch`,
        `train_seconds` (steps alone) and `seconds` (the process from start to end).

    Raises:
        SystemExit: if a run fails, or there are results of another plan.
    """
    results: dict[str, list[dict[str, Any]]] = {run: [] for run in runs}
    # Each seed of all runs before the next one: a machine's mood hits all alike.
    for seed in seeds:
        for run in runs:
            path = directory / f"{run}-{seed}.json"
            if not path.exists():
                found = _run(plan, run, seed, directory, pythons)
                write_json(path, {"plan": dataclasses.asdict(plan)} | found)
            result = json.loads(path.read_text(encoding="utf-8"))
            if result["plan"] != dataclasses.asdict(plan):
                raise SystemExit(
                    f"'{path}' is of other files or options ({result['plan']}). Give "
                    "the same ones, or another --output."
                )
            results[run].append(result)
            scores = ", ".join(f"{k} {v:.4f}" for k, v in result["test"].items())
            print(
                f"{run}, seed {seed}: {scores}, {result['seconds']:.0f} s", flush=True
            )
    return results


def results_table(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """A Markdown table with a row a run, compared with the first baseline's.

    Args:
        results: as `compare` returns them. The first of the metrics has its seeds
            told apart.
    """
    metrics = next(iter(results.values()))[0]["test"]
    first, *others = metrics
    baseline = next(
        (each for run, each in results.items() if run.startswith(BASELINE)), None
    )
    seeds = [str(each["seed"]) for each in next(iter(results.values()))]
    names = (
        *("run", f"{first}, seeds {', '.join(seeds)}", "mean", "difference, points"),
        *(f"mean {name}" for name in others),
        *("training, s", "whole, s", "speed of training"),
    )
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for run, each in results.items():
        scores = [result["test"][first] for result in each]
        cells = [RUNS[run][0], ", ".join(f"{score:.4f}" for score in scores)]
        cells.append(f"{_mean(scores):.4f}")
        difference = speed = ""
        if baseline and each is not baseline:
            theirs = _mean([result["test"][first] for result in baseline])
            difference = f"{100 * (_mean(scores) - theirs):+.2f}"
            speed = f"{_seconds(baseline) / _seconds(each):.2f} ×"
        cells.append(difference)
        for name in others:
            cells.append(f"{_mean([result['test'][name] for result in each]):.4f}")
        for name in ("train_seconds", "seconds"):
            cells.append(", ".join(f"{result[name]:.0f}" for result in each))
        lines.append("| " + " | ".join([*cells, speed]) + " |")
    return "\n".join(lines)


def _run(plan, run, seed, directory, pythons):
    is_ours = run.startswith("ours")
    command = (_our_command if is_ours else _their_command)(plan, directory, run)
    command += [*_flags(plan.options), *RUNS[run][1], "--seed", str(seed)]
    python = pythons["ours" if is_ours else "peers"]
    threads = plan.options["threads"]
    log = directory / "logs" / f"{run}-{seed}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with log.open("wb") as file:
        result = subprocess.run(
            [python, *command],
            cwd=ROOT,
            env=contestant_environment(os.environ, threads),
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
        file.write(result.stdout.encode())
    seconds = round(time.monotonic() - started, 1)
    if result.returncode:
        raise SystemExit(f"{run} with seed {seed} failed: '{log}' says why.")
    found = _our_result(directory, run) if is_ours else _their_result(result)
    return {"seed": seed, **found, "seconds": seconds}


def _our_command(plan, directory, run):
    return [
        *(*CLI, "train", "--task", plan.task, "--data", plan.train),
        *("--encoder", plan.encoder),
        *_flags({"validation": plan.validation, "test": plan.test}),
        *("--runs-dir", os.fspath(directory / "runs"), "--name", run, "--overwrite"),
    ]


def _their_command(plan, directory, run):
    return [
        *("-m", "bench.baselines.train", "--task", plan.task, "--train", plan.train),
        *("--model", plan.encoder),
        *_flags({"validation": plan.validation, "test": plan.test}),
    ]


def _our_result(directory, run):
    path = directory / "runs" / run / "metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    return {
        "test": {name: metrics["test"][name] for name in metrics["metrics"]},
        "best_epoch": metrics["best_epoch"],
        "train_seconds": round(metrics["train"]["seconds"], 1),
    }


def _their_result(result):
    found = json.loads(result.stdout.splitlines()[-1])
    return {name: found[name] for name in ("test", "best_epoch", "train_seconds")}


def _flags(values):
    return [
        argument
        for name, value in values.items()
        if value is not None
        for argument in ("--" + name.replace("_", "-"), str(value))
    ]


def _mean(values):
    return sum(values) / len(values)


def _seconds(results):
    return _mean([result["train_seconds"] for result in results])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.baselines.compare",
        description=(__doc__ or "").splitlines()[0],
    )
    # Those that the baselines have.
    tasks = ("answer", "classify", "relate", "tag")
    parser.add_argument("--task", required=True, choices=tasks)
    parser.add_argument("--train", required=True, type=os.path.abspath)
    parser.add_argument("--validation", type=os.path.abspath, help="default: carved")
    parser.add_argument("--test", type=os.path.abspath, help="default: carved")
    parser.add_argument("--encoder", default="minilm", help="or a bundle's directory")
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=_USUAL)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--stride", type=int, default=32)
    parser.add_argument("--threads", type=int, default=len(usable_cores()))
    parser.add_argument(
        "--peers",
        default=os.fspath(ROOT / ".venv-bench/bin/python"),
        help="the interpreter that has torch and transformers",
    )
    options = parser.parse_args(arguments)
    options.output = options.output.resolve()
    if options.encoder != "minilm":
        options.encoder = os.path.abspath(options.encoder)
    if not os.access(options.peers, os.X_OK):
        parser.error(f"there is no {options.peers}: run `make bench`, which makes it")
    return options


if __name__ == "__main__":
    sys.exit(main())
