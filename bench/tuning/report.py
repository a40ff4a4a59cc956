"""What the race found, as Markdown."""

from collections.abc import Mapping
from typing import Any

from bench.tuning.count_trials import count_same_draws
from bench.tuning.trial import Trial

NOT_MEASURED = "Not measured yet: `make bench-tune`, then `make bench-tune-page`."
GOAL = 1.5


def tuning_report(results: Mapping[str, Any]) -> str:
    """The text for docs/tuning.md.

    Args:
        results: what tune.json holds.

    Raises:
        ValueError: if a side is missing.
    """
    sides = results.get("sides", {})
    missing = [side for side in ("ours", "theirs") if side not in sides]
    if missing:
        raise ValueError(f"it has no `{missing[0]}`: `make bench-tune` was not done")
    ours, theirs = sides["ours"], sides["theirs"]
    lines = [
        ["trials finished", *_counts(ours, theirs, "trials")],
        ["epochs trained, whole ones", *_counts(ours, theirs, "epochs")],
        ["examples trained in these", *_counts(ours, theirs, "examples")],
        ["seconds an epoch, with all between", *_seconds(ours, theirs)],
        ["best validation accuracy", _share(ours), _share(theirs), ""],
    ]
    table = _table(["", "`bert-cpu tune`", "a loop over `fit`", "ratio"], lines)
    return "\n\n".join([_where(results), table, _goal(ours, theirs), _same(sides)])


def _where(results):
    machine, settings = results["machine"], results["settings"]
    versions = ", ".join(
        f"{name} {results['versions']['peers'][name]}"
        for name in ("keras-hub", "keras-tuner")
        if name in results["versions"]["peers"]
    )
    return (
        f"{machine['model']}, {len(machine['cores'])} cores, "
        f"{machine['memory_gb']:g} GB, {' '.join(machine['simd'])}, "
        f"{machine['system']}; load at the start {machine['load']:g}. Theirs: "
        f"{versions}. {settings['num_examples']:,} examples, {settings['dtype']}, "
        f"a budget of {settings['budget_seconds'] / 60:g} min each, seed "
        f"{settings['seed']}."
    )


def _goal(ours, theirs):
    if not theirs["trials"]:
        return (
            f"The goal is {GOAL} × as many trials; theirs finished none, so there is "
            "no ratio. Give a larger budget."
        )
    ratio = ours["trials"] / theirs["trials"]
    reached = "reached" if ratio >= GOAL else "not reached"
    return (
        f"The goal is {GOAL} × as many trials, and **{reached}** ({ratio:.2f} ×). The "
        "first line answers it; the second, of smaller steps, says how far that is "
        "chance of where the budget ended."
    )


def _same(sides):
    trials = [[Trial(**t) for t in sides[side]["each"]] for side in ("ours", "theirs")]
    same, both = count_same_draws(*trials)
    return (
        f"Of the {both} trials that both began anew, the first {same} have the same "
        "values."
    )


def _counts(ours, theirs, name):
    ratio = f"{ours[name] / theirs[name]:.2f}" if theirs[name] else ""
    return [f"{ours[name]:,}", f"{theirs[name]:,}", ratio]


def _seconds(ours, theirs):
    seconds = [side["epoch_seconds"] for side in (ours, theirs)]
    shown = ["" if each is None else f"{each:.1f}" for each in seconds]
    return [*shown, f"{seconds[0] / seconds[1]:.2f}" if all(seconds) else ""]


def _share(side):
    best = side["best_accuracy"]
    return "" if best is None else f"{best:.4f}"


def _table(head, lines):
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
