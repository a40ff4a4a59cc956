"""Writes `report.html`: one page that tells what a run did and what came out."""

import dataclasses
from pathlib import Path
from typing import Any

from bert_cpu import __version__
from bert_cpu.report.next_steps import next_steps
from bert_cpu.report.page_template import page_template
from bert_cpu.report.palette import PALETTE
from bert_cpu.report.pictures import draw_pictures
from bert_cpu.report.read_run import Run, read_run
from bert_cpu.report.spoken import metric_names
from bert_cpu.settings import TrainSettings
from bert_cpu.storage import written_aside

MAX_MISTAKES = 20


def write_report(run_dir: Path) -> Path:
    """Writes `report.html` into `run_dir`, from the files that are there.

    The page is one file without a script or a link to elsewhere. It can be
    written at any time: while training, after it, and again after conversion.
    An older page stays whole until the new one takes its place.

    Args:
        run_dir: the run's directory. Read: `config.json`, `metrics.json`,
            `history.jsonl`, `mistakes.jsonl`, `marked.jsonl`, `map.jsonl`,
            `attention.jsonl`, `tflite/report.json`.

    Returns:
        The path of the page.

    Raises:
        UserError: if `run_dir` is not a directory, or the disk is full.
    """
    run = read_run(run_dir)
    page = page_template("report.html.jinja").render(
        run=run,
        names=metric_names(run.metrics),
        summary=_summary(run),
        settings=_settings(run.config),
        pictures=draw_pictures(run),
        mistakes=run.mistakes[:MAX_MISTAKES],
        train_texts=sum(_histogram(run).values()) or None,
        buckets=_buckets(run.tflite),
        next_steps=next_steps(run_dir),
        palette=PALETTE,
        version=__version__,
    )
    path = run_dir / "report.html"
    with written_aside(path) as aside:
        aside.write_text(page, encoding="utf-8")
    return path


def _summary(run: Run) -> dict[str, Any] | None:
    """The right answers in the test, and what the commonest label alone gets."""
    test = run.metrics.get("test", {})
    per_label = test.get("per_label", {})
    sizes = {label: row.get("examples", 0) for label, row in per_label.items()}
    total = sum(sizes.values())
    # Without a matrix an example has not just one label.
    matrix = test.get("confusion_matrix", [])
    if not total or not matrix:
        return None
    commonest = max(sizes, key=lambda label: sizes[label])
    return {
        "correct": sum(row[index] for index, row in enumerate(matrix)),
        "commonest": commonest,
        "commonest_share": sizes[commonest] / total,
    }


def _settings(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Every setting as a flag, and whether it is other than the default."""
    defaults = {
        field.name: field.default for field in dataclasses.fields(TrainSettings)
    }
    return [
        {
            "name": "--" + name.replace("_", "-"),
            "value": "–" if value is None else value,
            "is_changed": name not in defaults or value != defaults[name],
        }
        for name, value in config.items()
    ]


def _histogram(run: Run) -> dict[str, int]:
    """Training texts by their tokens; together they are the training split."""
    return run.metrics.get("data", {}).get("length_histogram", {})


def _buckets(tflite: dict[str, Any]) -> list[str]:
    rows = [variant.get("latency_ms", {}) for variant in tflite.get("variants", [])]
    return sorted({bucket for row in rows for bucket in row}, key=int)
