"""The tables that a sweep leaves on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bert_cpu.report.one_line import one_line
from bert_cpu.report.spoken import spoken

_MOST_TRIALS = 5


def print_sweep(sweep: Mapping[str, Any], console: Console) -> None:
    """Prints the best trials of a sweep, and what they came to on more seeds.

    Args:
        sweep: what `sweep.json` holds.
        console: where to print.
    """
    objective = sweep["objective"]
    scored = [t for t in sweep["trials"] if t["score"] is not None]
    ranked = sorted(scored, key=lambda t: t["score"], reverse=objective != "loss")
    _heading(f"Best of {len(sweep['trials'])} trials", console)
    shown = ranked[:_MOST_TRIALS]
    table = Table(box=SIMPLE_HEAD)
    # A column for each trial: there are more settings than fit side by side.
    table.add_column("trial", no_wrap=True)
    for trial in shown:
        table.add_column(Text(trial["id"]), justify="right")
    table.add_row(
        Text(spoken(objective)), *(f"{t['score']:.4f}" for t in shown), style="bold"
    )
    for name in shown[0]["values"] if shown else ():
        table.add_row(Text(name), *(_shown(t["values"][name]) for t in shown))
    table.add_row("epochs", *(str(t["epochs"]) for t in shown))
    table.add_row("seed", *(str(t["seed"]) for t in shown))
    table.add_row("seconds", *(f"{t['times']['seconds']:.0f}" for t in shown))
    console.print(table)
    if sweep.get("final"):
        _print_final(sweep["final"], console)


def _print_final(final: Mapping[str, Any], console: Console) -> None:
    metric = final["metric"]
    _heading("Trained again, and tested", console)
    table = Table(box=SIMPLE_HEAD)
    table.add_column("run", overflow="fold")
    for heading in ("seed", f"validation {spoken(metric)}", f"test {spoken(metric)}"):
        table.add_column(heading, justify="right")
    for run in final["runs"]:
        table.add_row(
            Text(one_line(run["run_dir"], 80)),
            str(run["seed"]),
            f"{run['validation'][metric]:.4f}",
            f"{run['test'][metric]:.4f}",
            style="bold green" if run["run_dir"] == final["best_run"] else "",
        )
    console.print(table)
    if "gain" in final:
        error = final["error"]
        said = f"The best differs from the default by {final['gain']:+.4f} on the test"
        if error is not None:
            said += f", with a standard error of {error:.4f}"
            if abs(final["gain"]) < 2 * error:
                said += ": within the noise"
        console.print(Padding(Text(f"{said}."), (0, 0, 0, 2)))


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _heading(words: str, console: Console) -> None:
    console.print(Padding(Text(words, style="bold"), (1, 0, 0, 1)))
