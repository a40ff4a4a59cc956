"""What was measured and what follows from it, as Markdown with pictures."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from bench.charts import as_file
from bench.scaling.costs import Costs, read_costs
from bench.scaling.pictures import draw_efficiency, draw_intervals
from bench.scaling.predict import predict

NOT_MEASURED = "Not measured yet: `make bench-scale`, then `make bench-scale-page`."
GOAL = 0.95


def scaling_report(results: Mapping[str, Any], pictures: pathlib.Path) -> str:
    """Writes the pictures, and gives the text that shows them.

    Args:
        results: what scale.json holds.
        pictures: the directory for SVG files, beside the page.

    Raises:
        ValueError: if `results` lack the costs that the model begins with.
    """
    costs = read_costs(results)
    predicted = predict(costs)
    pictures.mkdir(parents=True, exist_ok=True)
    drawings = {
        "efficiency": draw_efficiency(predicted),
        "intervals": draw_intervals(predicted),
    }
    for name, drawing in drawings.items():
        path = pictures / f"{name}.svg"
        path.write_text(as_file(drawing, _CAPTIONS[name]), encoding="utf-8")
    link = pictures.name
    return "\n\n".join(
        [
            "### Measured",
            *_measured(results),
            "### What it costs",
            _costs(costs),
            "### 1 to 1,024 workers",
            f"![{_CAPTIONS['efficiency']}]({link}/efficiency.svg)",
            _steps(costs, predicted),
            _parts(predicted),
            "### Failures and checkpoints",
            f"![{_CAPTIONS['intervals']}]({link}/intervals.svg)",
            _failures(predicted),
            _agreement(predicted),
        ]
    )


_CAPTIONS = {
    "efficiency": "Examples a second over those of as many workers alone, by workers",
    "intervals": "Share of time that is not lost, by minutes between two checkpoints",
}
_MEANINGS = {
    "examples": "examples of a worker in a step",
    "compute_seconds": "to compute a step, without all-reduce and update",
    "deviation_seconds": "its standard deviation",
    "update_seconds": "to update the weights",
    "table_bytes": "bytes of the word table's gradient",
    "slice_bytes": "bytes of the rows of it that were read",
    "other_bytes": "bytes of all other gradients, as they are sent",
    "copy_seconds_per_byte": "that the software takes for a byte it passes on",
    "message_seconds": "that the software takes for a message",
    "checkpoint_seconds": "to write a checkpoint",
    "restart_seconds": "from a failure until steps go on",
}


def _measured(results):
    parts = (
        _where(results),
        _rows(results.get("rows", [])),
        _split(results.get("split", [])),
    )
    return dict.fromkeys(parts)  # What is missing is said once.


def _where(results):
    machine = results.get("machine")
    if not machine:
        return NOT_MEASURED
    settings = results["settings"]
    versions = ", ".join(f"{n} {v}" for n, v in results["versions"]["ours"].items())
    return (
        f"{machine['model']}, {len(machine['cores'])} cores, "
        f"{machine['memory_gb']:g} GB, {' '.join(machine['simd'])}, "
        f"{machine['system']}; load at the start {machine['load']:g}. {versions}. "
        f"{settings['shape']['num_hidden_layers']} layers of "
        f"{settings['shape']['hidden_size']}, {settings['dtype']}, batch "
        f"{settings['batch']}, length {settings['length']}; {settings['rounds']} "
        "rounds, all in turn on the same cores."
    )


def _rows(rows):
    if not rows:
        return NOT_MEASURED
    lines = []
    for row in rows:
        ratio = "" if row["ratio"] is None else _ratio(row)
        difference = row.get("difference")
        lines.append(
            [
                row["name"],
                _number(row["examples_per_second"]),
                _ms(row["step_seconds"]),
                ratio,
                "" if difference is None else f"{difference:.1e}",
                row.get("note", ""),
            ]
        )
    head = ["", "examples/s", "ms a step", "ratio", "largest difference of a loss", ""]
    return _table(head, lines) + (
        f"\n\nThe ratio is that to one process with the same batch in the same round: "
        f"median (least to largest). The goal is {GOAL} for two workers."
    )


def _split(split):
    if not split:
        return NOT_MEASURED
    fields = ("compute", "waiting", "all_reduce", "whole", "bare")
    lines = [[each["name"], *(_ms(each[field]) for field in fields)] for each in split]
    head = ["ms", "compute", "waiting", "all-reduce", "step", "bare all-reduce"]
    return _table(head, lines)


def _costs(costs: Costs):
    lines = []
    for name, value in dataclasses.asdict(costs).items():
        if name == "examples" or name.endswith("_bytes"):
            shown = f"{value:,.0f}"
        elif name == "copy_seconds_per_byte":
            shown = f"{1e9 * value:.3g} s a GB"
        elif name == "message_seconds":
            shown = f"{_number(1e6 * value)} µs"
        else:
            shown = f"{_ms(value)} ms"
        lines.append([_MEANINGS[name], shown])
    return _table(["of one worker", ""], lines)


def _steps(costs, predicted):
    networks = list(dict.fromkeys(step["gigabits"] for step in predicted["steps"]))
    found = {(s["gigabits"], s["workers"]): s for s in predicted["steps"]}
    lines = []
    for workers in dict.fromkeys(step["workers"] for step in predicted["steps"]):
        line = [f"{workers:,}"]
        for gigabits in networks:
            seconds = found[gigabits, workers]["seconds"]
            rate = workers * costs.examples / seconds
            line.append(f"{_number(rate)} ({predicted['alone'] / seconds:.0%})")
        lines.append(line)
    head = ["workers", *(f"{gigabits:g} Gbit/s" for gigabits in networks)]
    return "Examples a second, and the efficiency, without failures:\n\n" + _table(
        head, lines
    )


def _parts(predicted):
    lines = [
        [
            f"{step['workers']:,}",
            f"{step['gigabits']:g}",
            *(_ms(value) for value in dataclasses.asdict(step["parts"]).values()),
        ]
        for step in predicted["steps"]
        if step["workers"] in (16, 1024)
    ]
    head = ["workers", "Gbit/s", "compute", "waiting", "all-reduce", "update"]
    return "What a step is made of, in ms:\n\n" + _table(head, lines)


def _failures(predicted):
    lines = [
        [
            f"{each['days']:,}",
            f"{each['workers']:,}",
            f"{each['interval'] / 60:.3g}",
            f"{each['share']:.2%}",
            "" if each["played"] is None else f"{each['played']:.2%}",
        ]
        for each in predicted["failures"]
    ]
    head = [
        "days between failures of a worker",
        "workers",
        "minutes between checkpoints (Young and Daly)",
        "time that is not lost",
        "the same, played",
    ]
    curve = predicted["curve"]
    return _table(head, lines) + (
        f"\n\nThe picture is of {curve['workers']:,} workers with {curve['days']} days "
        "between failures of each."
    )


def _agreement(predicted):
    steps = _largest_difference(predicted["steps"], "seconds")
    failures = _largest_difference(predicted["failures"], "share")
    return (
        f"Played and by formulae, a step differs by {steps:.1%} at most, and the share "
        f"of time that is not lost by {failures:.1%}."
    )


def _largest_difference(rows: Sequence[Mapping[str, Any]], field: str) -> float:
    return max(
        abs(row["played"] / row[field] - 1) for row in rows if row["played"] is not None
    )


def _ratio(row):
    return (
        f"{row['ratio']:.3f} ({row['ratio_least']:.3f} to {row['ratio_largest']:.3f})"
    )


def _ms(seconds):
    return "" if seconds is None else _number(1000 * seconds)


def _number(value):
    """Three digits that count, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _table(head, lines):
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
