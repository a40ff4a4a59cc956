"""Counts the trials that a budget holds: `bert-cpu tune`, then a loop over `fit`.

    python -m bench.tuning.measure [--budget 30m] [--seed N] [--resume]

Both search `movie_reviews` with Keras Tuner's Hyperband, the same oracle settings and
seed, one after the other on the same cores, each for the whole budget. Ours is
`bert-cpu tune` without final runs; theirs is `bench.peers.keras_tuner_search`. Run it
on a machine that does nothing else; `python -m bench.tuning` writes what it found into
the docs.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.answering import read_jsonl
from bench.contestant import ROOT
from bench.machine import describe_machine, read_versions
from bench.material import Material
from bench.tuning.count_trials import count_trials
from bench.tuning.read_trials import read_trials
from bench.tuning.run_side import SIDES, SideFailed, run_side
from bench.workplace import Workplace, usable_cores
from bert_cpu.errors import UserError
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.storage import write_json
from bert_cpu.tune_settings import TuneSettings


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {line}", flush=True)

    pythons = {"ours": sys.executable, "peers": options.peers}
    given = _given(options, pythons)
    num_examples = len(read_jsonl(given["train"]))
    settings = {**given, "num_examples": num_examples}
    results: dict[str, Any] = {
        "settings": settings,
        "machine": describe_machine(usable_cores()),
        "versions": read_versions(pythons),
        "sides": _kept_sides(options, settings) if options.resume else {},
    }
    for side in SIDES:
        if side in results["sides"]:
            say(f"{side}: is there")
            continue
        say(f"{side}: {given['budget_seconds']:g} s of trials")
        start = time.monotonic()
        try:
            directory = run_side(
                side, given, pythons, usable_cores(), options.work / "tuning"
            )
        except SideFailed as failure:
            say(str(failure))
            return 1
        trials = read_trials(directory)
        counts = count_trials(trials, num_examples, given["budget_seconds"])
        results["sides"][side] = {
            **counts,
            "seconds": time.monotonic() - start,
            "each": [dataclasses.asdict(trial) for trial in trials],
        }
        write_json(options.output, results)
        say(
            f"{side}: {counts['trials']} trials, {counts['epochs']} epochs, best "
            f"accuracy {counts['best_accuracy'] or float('nan'):.4f}"
        )
    say(f"Wrote {options.output}")
    return 0


def _given(options, pythons):
    if options.splits is None:
        workplace = Workplace(pythons, usable_cores(), options.work)
        material = Material(workplace, is_quick=False)
        splits, encoder = material.splits("movie_reviews"), material.encoder()
    else:
        names = ("train", "validation", "test")
        splits = {name: str(options.splits / f"{name}.jsonl") for name in names}
        encoder = str(options.encoder)
    return {
        **splits,
        "encoder": encoder,
        "max_length": options.max_length,
        "epochs": TuneSettings().epochs,
        "seed": options.seed,
        "dtype": choose_profile(read_hardware(), options.dtype).dtype,
        "budget_seconds": options.budget_seconds,
    }


def _kept_sides(options, settings):
    """The sides that an earlier, interrupted race has measured."""
    if not options.output.exists():
        return {}
    kept = json.loads(options.output.read_text(encoding="utf-8"))
    if kept["settings"] != settings:
        raise SystemExit(
            f"'{options.output}' is of other settings: leave --resume out, or give "
            "another --output."
        )
    return kept["sides"]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.tuning.measure",
        description=(__doc__ or "").splitlines()[0],
    )
    parser.add_argument(
        "--budget", default="30m", help="of each side, such as 30m or 90s"
    )
    parser.add_argument("--seed", type=int, default=0, help="of what is tried")
    parser.add_argument(
        "--dtype", choices=("auto", "float32", "bfloat16"), default="auto"
    )
    parser.add_argument(
        "--resume", action="store_true", help="keep the sides in the output"
    )
    parser.add_argument(
        "--output", type=pathlib.Path, default=pathlib.Path("tune.json")
    )
    parser.add_argument(
        "--work", type=pathlib.Path, default=ROOT / "bench-work", help="for trials"
    )
    parser.add_argument(
        "--splits",
        type=pathlib.Path,
        help="a directory with train.jsonl, validation.jsonl and test.jsonl of one's "
        "own; needs --encoder",
    )
    parser.add_argument(
        "--encoder", type=pathlib.Path, help="a directory in Hugging Face layout"
    )
    parser.add_argument("--max-length", type=int, default=TuneSettings().max_length)
    parser.add_argument(
        "--peers",
        default=os.fspath(ROOT / ".venv-bench/bin/python"),
        help="the interpreter of the peers' environment",
    )
    options = parser.parse_args(arguments)
    try:
        options.budget_seconds = TuneSettings(budget=options.budget).budget_seconds
        TuneSettings(seed=options.seed, max_length=options.max_length)
    except UserError as error:
        parser.error(str(error))
    if (options.splits is None) != (options.encoder is None):
        parser.error("got one of --splits and --encoder: give both, or neither")
    for path in (options.splits, options.encoder):
        if path is not None and not path.is_dir():
            parser.error(f"there is no directory '{path}'")
    if not os.access(options.peers, os.X_OK):
        parser.error(
            f"there is no {options.peers}: run `make bench-tune`, which makes it"
        )
    options.work = options.work.resolve()
    return options


if __name__ == "__main__":
    sys.exit(main())
