"""Races ours against the peers and writes bench.json, bench.md and charts.

    python -m bench [--quick] [--only JOB] [--rounds N] [--long-rounds N] [--resume]

Contestants are processes on the same cores, asked in turn (A B A B); what they
computed is compared before their times are; `bench.case` says what a case is, and
`bench.contestants` who takes part. Run it on a machine that does nothing else.
"""

import argparse
import os
import pathlib
import sys
import time
from collections.abc import Callable, Sequence

from bench.catalog import GROWTH, JOBS, QUICK_JOBS
from bench.contestant import ROOT
from bench.growth import measure_growth
from bench.job_digests import job_digests
from bench.limits import measure_limits
from bench.machine import describe_machine, read_versions
from bench.material import Material
from bench.of_other_code import of_other_code
from bench.race import race
from bench.read_tuned import read_tuned
from bench.results import Results
from bench.workplace import Workplace, usable_cores
from bench.write_report import write_report


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    pythons = {"ours": sys.executable, "peers": options.peers}
    workplace = Workplace(pythons, usable_cores(), options.work.resolve())
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {line}", flush=True)

    results = Results(
        options.output / "bench.json",
        {
            "rounds": options.rounds,
            "long_rounds": options.long_rounds,
            "quick": options.quick,
        },
        {
            "machine": describe_machine(workplace.cores),
            "versions": read_versions(pythons),
            "tuned": read_tuned(),
            "code": job_digests(),
        },
        options.resume,
    )
    if changed := of_other_code(results.all()):
        say(f"Kept, but measured before the code was changed: {', '.join(changed)}")
    if not results.get("limits"):
        say("The machine's limits")
        results.set("limits", measure_limits(workplace, 1 if options.quick else 3))
    _run_jobs(options, workplace, results, say)
    write_report(results.all(), options.output)
    say(f"Wrote {options.output / 'bench.json'} and bench.md")
    return 0


def _run_jobs(
    options: argparse.Namespace,
    workplace: Workplace,
    results: Results,
    say: Callable[[str], None],
) -> None:
    material = Material(workplace, options.quick)
    for job in _chosen(options):
        say(f"{job}: making what it needs")
        if job == GROWTH:
            if not results.get(GROWTH):
                results.set(GROWTH, measure_growth(workplace, material, say))
            continue
        for case in JOBS[job](material, options.quick):
            if results.has(case.key):
                say(f"{case.key}: is there")
                continue
            say(case.key)
            rounds = options.rounds if case.patience is None else options.long_rounds
            rows = race(case, workplace, rounds, results.get("limits") or {})
            results.add(case.key, rows)
            for row in rows:
                say(f"  {_in_short(row)}")


def _chosen(options: argparse.Namespace) -> Sequence[str]:
    if options.only:
        return options.only
    return QUICK_JOBS if options.quick else (*JOBS, GROWTH)


def _in_short(row: dict) -> str:
    if row["ours"] is None:
        return f"{row['peer']}: {row['note']}"
    ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
    values = f"{row['ours']:.4g} against {row['theirs']:.4g} {row['unit']}"
    note = f" ({row['note']})" if row["note"] else ""
    return f"{row['peer']}: {values}, ratio {ratio}{note}"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="a part of it, in minutes")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*JOBS, GROWTH],
        help="this job; may be given several times",
    )
    parser.add_argument("--rounds", type=int, help="turns of each; default 7, quick 3")
    parser.add_argument(
        "--long-rounds",
        type=int,
        default=6,  # Of three seeds a mean accuracy is too much chance to compare.
        help="turns of each where one takes minutes; default 6",
    )
    parser.add_argument(
        "--resume", action="store_true", help="keep the cases in bench.json"
    )
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument(
        "--work",
        type=pathlib.Path,
        default=ROOT / "bench-work",
        help="for trained runs, texts and logs",
    )
    parser.add_argument(
        "--peers",
        default=os.fspath(ROOT / ".venv-bench/bin/python"),
        help="the interpreter of the peers' environment",
    )
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = 3 if options.quick else 7
    for name in ("rounds", "long_rounds"):
        if getattr(options, name) < 1:
            option = "--" + name.replace("_", "-")
            parser.error(f"{option} is {getattr(options, name)}, but must be 1 or more")
    if not os.access(options.peers, os.X_OK):
        parser.error(f"there is no {options.peers}: run `make bench`, which makes it")
    for name in ("output", "work"):
        path = getattr(options, name)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            parser.error(f"--{name} '{path}' can't be made ({error.strerror})")
    return options


if __name__ == "__main__":
    sys.exit(main())
