"""Writes the report of a sweep: one page that tells what was tried and found."""

from pathlib import Path
from typing import Any

from bert_cpu import __version__
from bert_cpu.report.page_template import page_template
from bert_cpu.report.palette import PALETTE
from bert_cpu.report.picture import Picture, make_picture
from bert_cpu.report.spoken import spoken
from bert_cpu.report.sweep_drawings import (
    draw_cost,
    draw_history,
    draw_importance,
    draw_parallel,
)
from bert_cpu.storage import read_description, written_aside

_MOST_ROWS = 50


def write_sweep_report(sweep_dir: Path) -> Path:
    """Writes `report.html` into a sweep's directory, from its `sweep.json`.

    The page is one file without a script or a link to elsewhere, and can be written
    while the sweep is under way.

    Args:
        sweep_dir: the sweep's directory.

    Returns:
        The path of the page.

    Raises:
        UserError: if `sweep.json` can't be read, or the disk is full.
    """
    sweep = read_description(
        sweep_dir / "sweep.json", "bert_cpu.sweep", "Run the sweep again."
    )
    trials = sweep.get("trials", [])
    objective = sweep.get("objective", "")
    is_lower_better = objective == "loss"
    scored = [trial for trial in trials if trial.get("score") is not None]
    ranked = sorted(scored, key=lambda trial: trial["score"])
    if not is_lower_better:
        ranked.reverse()
    page = page_template("sweep.html.jinja").render(
        name=sweep_dir.resolve().name,
        sweep=sweep,
        settings=sweep.get("settings", {}),
        objective=objective,
        trials=trials,
        num_failed=sum(trial.get("status") == "failed" for trial in trials),
        num_stopped=sum(trial.get("status") == "stopped" for trial in trials),
        best=next((t for t in trials if t["id"] == sweep.get("best")), {}),
        ranked=ranked[:_MOST_ROWS],
        names=list(ranked[0]["values"]) if ranked else [],
        has_limits=any(trial.get("converted") for trial in trials),
        pictures=_pictures(sweep, scored, objective, is_lower_better),
        final=sweep.get("final"),
        palette=PALETTE,
        version=__version__,
    )
    path = sweep_dir / "report.html"
    with written_aside(path) as aside:
        aside.write_text(page, encoding="utf-8")
    return path


def _pictures(
    sweep: dict[str, Any], trials: list[dict[str, Any]], objective: str, lower: bool
) -> list[Picture]:
    # Of a model outside the limits there is no metric to draw.
    sound = [t for t in trials if t.get("variant") or not t.get("converted")]
    scores = [trial["score"] for trial in sound]
    values = [trial["values"] for trial in sound]
    space = sweep.get("space", {})
    logs = [n for n, d in space.items() if isinstance(d, dict) and "log" in d]
    told = spoken(objective)
    pictures = [
        make_picture(
            draw_history([int(trial["id"]) for trial in sound], scores, lower),
            "History",
            "搜索过程",
            f"The {told} of each trial on the validation split, in the order in which "
            "they began. The axis does not start at zero.",
            [("first", "a trial"), ("second", "the best so far")],
        ),
        make_picture(
            draw_importance(sweep.get("importance")),
            "Importance of each setting",
            "各设置的重要性",
            "Shares of what a random forest forgets of the score when one setting is "
            "shuffled over the trials. With tens of trials, a hint and no proof.",
        ),
        _cost(sound, scores, told),
        make_picture(
            draw_parallel(values, scores, objective, logs, lower),
            "Every trial through its settings",
            "平行坐标",
            "A line is a trial; the better, the stronger. Each axis goes from the "
            "lowest to the highest value that was tried.",
            [("first", "a trial"), ("second", "the best")],
        ),
    ]
    return [picture for picture in pictures if picture is not None]


def _cost(trials, scores, told):
    kept = {t["id"]: _variant(t) for t in trials}
    if trials and all(kept.values()):
        costs, unit = [kept[t["id"]]["latency_ms"] for t in trials], "ms for one text"
        title, title_zh = f"{told} against latency", "指标与延迟"
        caption = "Of the converted model, for a text of the greatest length."
    else:
        costs = [t.get("times", {}).get("seconds", 0.0) for t in trials]
        title, title_zh = f"{told} against time", "指标与用时"
        unit, caption = (
            "seconds",
            "How long each trial took, from start to end.",
        )
    drawing = draw_cost(costs, scores, unit, told)
    return make_picture(drawing, title[:1].upper() + title[1:], title_zh, caption)


def _variant(trial):
    """The converted variant that a trial's score is of."""
    variants = trial.get("converted") or []
    return next((v for v in variants if v["name"] == trial.get("variant")), None)
