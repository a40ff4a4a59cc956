"""Measures one process on some cores against workers of one core each.

    python -m bench.scaling.measure [--rounds N] [--workers N] [--output scale.json]

The batch of all is the same. All are processes that stay alive and are asked in turn
(A B C A B C); the losses of three steps are compared first. Run it on a machine that
does nothing else; `python -m bench.scaling` writes what it found into the docs.
"""

import argparse
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.contestant import ROOT, ContestantFailed
from bench.machine import describe_machine, read_versions
from bench.scaling.measured import measured
from bench.scaling.players import DEADLINE_SECONDS, cast, compare_losses
from bench.scaling.rounds import play_rounds
from bench.scaling.start_team import start_team
from bench.workplace import usable_cores
from bench.write_checkpoint import MINILM_SHAPE
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.numa import read_numa_nodes
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.storage import write_json
from bert_cpu.training.share_cores import share_cores


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {line}", flush=True)

    shares = [sorted(s) for s in share_cores(read_numa_nodes(), options.workers)]
    cores = sorted(core for share in shares for core in share)
    settings = _settings(options)
    machine = describe_machine(cores)
    say(f"Starting a process on cores {cores}, and {options.workers} on {shares}")
    given = {key: value for key, value in settings.items() if key != "rounds"}
    given |= {"dropout": 0.1, "directory": str(options.work)}
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        with (
            start_team([cores], given, options.work) as (one, _),
            start_team(shares, given, options.work) as (many, start_seconds),
        ):
            say("Comparing losses")
            losses = compare_losses(one, many)
            say("Measuring")
            turns = play_rounds(
                cast(one, many),
                options.rounds,
                options.turn_seconds,
                DEADLINE_SECONDS,
            )
    except ContestantFailed as failure:
        say(f"{failure}. What it printed is in '{options.work / 'logs'}'.")
        return 1
    results: dict[str, Any] = {
        "settings": settings,
        "machine": machine,
        "versions": read_versions({"ours": sys.executable}),
        **measured(turns, losses, settings["batch"], options.workers, start_seconds),
    }
    for row in results["rows"]:
        ratio = "" if row["ratio"] is None else f", ratio {row['ratio']:.3f}"
        say(f"{row['name']}: {row['examples_per_second']:.4g} examples/s{ratio}")
    write_json(options.output, results)
    say(f"Wrote {options.output}")
    return 0


def _settings(options):
    shape = MINILM_SHAPE | {
        "num_hidden_layers": options.layers,
        "hidden_size": options.hidden_size,
        "intermediate_size": 4 * options.hidden_size,
        "num_attention_heads": options.hidden_size // 32,
    }
    return {
        "shape": shape,
        "batch": options.batch,
        "length": options.length,
        "dtype": choose_profile(read_hardware(), options.dtype).dtype,
        "rounds": options.rounds,
    }


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.scaling.measure",
        description=(__doc__ or "").splitlines()[0],
    )
    parser.add_argument("--rounds", type=int, default=7, help="turns of each")
    parser.add_argument("--turn-seconds", type=float, default=5.0)
    parser.add_argument("--workers", type=int, default=2, help="they share the cores")
    parser.add_argument("--batch", type=int, default=32, help="of all workers")
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden-size", type=int, default=384)
    parser.add_argument(
        "--dtype", choices=("auto", "float32", "bfloat16"), default="auto"
    )
    parser.add_argument(
        "--output", type=pathlib.Path, default=pathlib.Path("scale.json")
    )
    parser.add_argument(
        "--work", type=pathlib.Path, default=ROOT / "bench-work", help="for logs"
    )
    options = parser.parse_args(arguments)
    options.work = options.work.resolve()
    cores = len(usable_cores())
    if not 2 <= options.workers <= cores:
        parser.error(
            f"--workers is {options.workers}, but must be 2 to {cores}, the cores that "
            "this process may use"
        )
    for name in ("rounds", "batch", "length", "layers", "hidden_size"):
        if getattr(options, name) < 1:
            option = name.replace("_", "-")
            parser.error(
                f"--{option} is {getattr(options, name)}, but must be 1 or more"
            )
    if options.batch % options.workers:
        parser.error(
            f"--batch is {options.batch}, which {options.workers} workers can't share "
            "evenly: give a multiple"
        )
    if options.hidden_size % 32:
        parser.error(
            f"--hidden-size is {options.hidden_size}, but must be a multiple of 32"
        )
    return options


if __name__ == "__main__":
    sys.exit(main())
