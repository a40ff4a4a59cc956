"""The tables that training and conversion leave on the terminal."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bert_cpu.report.confused_pairs import confused_pairs
from bert_cpu.report.one_line import one_line
from bert_cpu.report.spoken import metric_names, spoken

# Of a matrix of more labels, or wider than the terminal, its worst pairs are shown.
MAX_MATRIX_LABELS = 8
MAX_PAIRS = 10
SPLITS = ("train", "validation", "test")
MAX_MISTAKES = 5
# Columns that the frame of a table of four columns takes.
FRAME = 13


def print_result(
    metrics: dict[str, Any],
    mistakes: list[dict[str, Any]],
    next_steps: list[str],
    console: Console,
) -> None:
    """Prints what training came to: scores, what was confused, what to run next.

    Args:
        metrics: what `metrics.json` holds, or a part: what is missing is left out.
        mistakes: lines of `mistakes.jsonl`, surest first. The first 5 are shown,
            each on one line.
        next_steps: commands to paste.
        console: where to print.
    """
    _print_scores(metrics, console)
    labels = metrics.get("labels", [])
    for split in SPLITS:
        scores = metrics.get(split, {})
        matrix = scores.get("confusion_matrix")
        if not matrix:
            continue
        table = _matrix_table(labels, matrix, scores.get("per_label", {}))
        if len(matrix) <= MAX_MATRIX_LABELS and _fits(table, console):
            _print_heading(f"Confusion matrix of the {split} split", console)
            console.print(table)
        else:
            _print_pairs(labels, matrix, console)
    if mistakes:
        _print_mistakes(mistakes[:MAX_MISTAKES], console)
    if next_steps:
        _print_heading("Run next", console)
        for command in next_steps:
            # Not wrapped: a command that is cut in two can't be pasted.
            console.print(Text(f"  {command}", style="cyan"), soft_wrap=True)


def print_tflite(report: dict[str, Any], console: Console) -> None:
    """Prints what conversion came to: each variant, and which is kept and why.

    Args:
        report: what `tflite/report.json` holds.
        console: where to print.
    """
    shown = metric_names(report)[0]
    table = _variants_table(report, shown, is_across=True)
    if not _fits(table, console):
        table = _variants_table(report, shown, is_across=False)
    _print_heading(
        f"TensorFlow Lite on {_number(report.get('examples'), ',')} test texts "
        f"(Keras: {spoken(shown)} "
        f"{_number(report.get('keras', {}).get(shown), '.4f')})",
        console,
    )
    console.print(table)
    if report.get("why"):
        console.print(Padding(Text(report["why"]), (0, 0, 0, 2)))


def _variants_table(report: dict[str, Any], shown: str, is_across: bool) -> Table:
    """A row a variant, or where that is too wide a column a variant."""
    variants = report.get("variants", [])
    latencies = [variant.get("latency_ms", {}) for variant in variants]
    buckets = sorted({bucket for row in latencies for bucket in row}, key=int)
    chosen = [variant.get("name") == report.get("chosen") for variant in variants]
    names = [
        f"{variant.get('name')}{' (chosen)' if is_chosen else ''}"
        for variant, is_chosen in zip(variants, chosen, strict=True)
    ]
    headings = ["MB", spoken(shown), "largest\ndifference"]
    headings += [f"ms at\n{bucket}" for bucket in buckets]
    cells = [
        [
            _number(variant.get("size_mb"), ".1f"),
            _number(variant.get(shown), ".4f"),
            _number(variant.get("max_abs_difference"), ".1e"),
            *(_number(latency.get(bucket), ".2f") for bucket in buckets),
        ]
        for variant, latency in zip(variants, latencies, strict=True)
    ]
    styles = ["bold green" if is_chosen else "" for is_chosen in chosen]
    if is_across:
        table = _table("variant", *headings)
        for name, row, style in zip(names, cells, styles, strict=True):
            table.add_row(Text(name), *row, style=style)
        return table
    table = _table("variant", *map(Text, names))
    for column, style in zip(table.columns[1:], styles, strict=True):
        column.style = style
    for heading, *row in zip(headings, *cells, strict=True):
        table.add_row(heading.replace("\n", " "), *row)
    return table


def _print_scores(metrics: dict[str, Any], console: Console) -> None:
    names = metric_names(metrics)
    table = _table("split", *map(spoken, names), "loss", "texts")
    for split in SPLITS:
        scores = metrics.get(split, {})
        # Of the training split there is only the speed, unless it was evaluated.
        if names[0] in scores:
            table.add_row(
                split,
                *(_number(scores.get(name), ".4f") for name in names),
                _number(scores.get("loss"), ".4f"),
                _number(scores.get("examples"), ","),
                style="bold" if split == "test" else "",
            )
    _print_heading(f"Result of {one_line(metrics.get('name', 'the run'), 60)}", console)
    console.print(table)


def _matrix_table(
    labels: Sequence[str],
    matrix: Sequence[Sequence[int]],
    per_label: dict[str, Any],
) -> Table:
    names = [one_line(label, 16) for label in labels]
    table = _table("true \\ predicted", *map(Text, names), "recall", "F1")
    for index, (label, row) in enumerate(zip(labels, matrix, strict=True)):
        counts = [
            Text(f"{count:,}", style="bold green" if column == index else "")
            for column, count in enumerate(row)
        ]
        scores = per_label.get(label, {})
        recall, f1 = (_number(scores.get(key), ".3f") for key in ("recall", "f1"))
        table.add_row(Text(names[index]), *counts, recall, f1)
    return table


def _fits(table: Table, console: Console) -> bool:
    unbounded = console.options.update(width=10_000)
    return Measurement.get(console, unbounded, table).maximum <= console.width


def _print_pairs(
    labels: Sequence[str], matrix: Sequence[Sequence[int]], console: Console
) -> None:
    table = Table(box=SIMPLE_HEAD)
    for heading in ("true", "predicted"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for heading in ("texts", "of the label"):
        table.add_column(heading, justify="right", no_wrap=True)
    for true, predicted, count in confused_pairs(matrix)[:MAX_PAIRS]:
        table.add_row(
            Text(one_line(labels[true], 30)),
            Text(one_line(labels[predicted], 30)),
            f"{count:,}",
            f"{count / sum(matrix[true]):.1%}",
        )
    _print_heading(f"Confused most, of {len(labels)} labels", console)
    console.print(table)


def _print_mistakes(mistakes: list[dict[str, Any]], console: Console) -> None:
    rows = []
    for mistake in mistakes:
        texts = [mistake.get("text", ""), mistake.get("text_pair")]
        text = " | ".join(one_line(part, 200) for part in texts if part is not None)
        sure = _number(mistake.get("probability"), ".1%")
        names = [one_line(mistake.get(key, ""), 16) for key in ("predicted", "label")]
        rows.append([sure, *names, text])
    headings = ["sure", "said", "label", "text"]
    short_columns = list(zip(headings, *rows, strict=True))[:-1]
    fixed = sum(max(map(cell_len, column)) for column in short_columns)
    table = Table(*headings, box=SIMPLE_HEAD)
    for *short, text in rows:
        shown = Text(text)
        # Rich would narrow the short columns too: the text alone gives way.
        shown.truncate(max(console.width - fixed - FRAME, 10), overflow="ellipsis")
        table.add_row(*map(Text, short), shown)
    _print_heading("Surest mistakes", console)
    console.print(table)


def _table(first: str, *others: str | Text) -> Table:
    """A table whose first column names the row and whose others are numbers."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column(first, no_wrap=True, overflow="ellipsis")
    for heading in others:
        table.add_column(heading, justify="right", overflow="ellipsis")
    return table


def _print_heading(words: str, console: Console) -> None:
    console.print(Padding(Text(words, style="bold"), (1, 0, 0, 1)))


def _number(value: Any, form: str) -> str:
    return "–" if value is None else format(value, form)
