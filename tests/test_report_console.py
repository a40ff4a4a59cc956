"""The terminal's tables show the run's numbers, and texts only as text."""

import io
import re

import numpy as np
from fake_run import (
    CHINESE,
    MEASURED,
    REVIEWS,
    TOPICS,
    make_run,
    make_run_without_labels,
    numbers_in,
    read_json,
    read_json_lines,
)
from rich.cells import cell_len
from rich.console import Console

from bert_cpu.report.console import print_result, print_tflite


def console_text(print_to, width: int = 100) -> str:
    file = io.StringIO()
    print_to(Console(file=file, width=width))
    return file.getvalue()


def test_the_terminal_shows_scores_matrix_and_mistakes(tmp_path):
    texts = [*REVIEWS, "[red]x[/red]\x1b[2J", "two\nlines", "a sixth"]
    run_dir = make_run(tmp_path / "mine", ["neg", "pos"], texts)
    metrics = read_json(run_dir / "metrics.json")
    mistakes = read_json_lines(run_dir / "mistakes.jsonl")
    command = "bert-cpu predict runs/" + "long" * 40
    shown = console_text(
        lambda console: print_result(metrics, mistakes, [command], console)
    )
    for number in numbers_in(metrics["test"]["confusion_matrix"]):
        assert re.search(rf"\b{number}\b", shown)
    assert f"{metrics['test']['accuracy']:.4f}" in shown
    assert f"{metrics['test']['macro_f1']:.4f}" in shown
    assert "[red]x[/red][2J" in shown
    assert "\x1b" not in shown
    assert "two lines" in shown
    assert "a sixth" not in shown
    assert command in shown


def test_the_terminal_shows_the_most_confused_pairs_of_many_labels(tmp_path):
    run_dir = make_run(tmp_path / "mine", TOPICS, REVIEWS)
    metrics = read_json(run_dir / "metrics.json")
    shown = console_text(lambda console: print_result(metrics, [], [], console))
    matrix = np.array(metrics["test"]["confusion_matrix"])
    np.fill_diagonal(matrix, 0)
    true, predicted = np.unravel_index(matrix.argmax(), matrix.shape)
    assert re.search(rf"{TOPICS[true]} +{TOPICS[predicted]} +{matrix.max()} ", shown)


def test_the_terminal_shows_a_run_without_metrics():
    assert "Result of the run" in console_text(lambda c: print_result({}, [], [], c))


def test_the_terminal_shows_each_variant_and_the_choice(tmp_path):
    run_dir = make_run(tmp_path / "mine", ["neg", "pos"], REVIEWS)
    report = read_json(run_dir / "tflite/report.json")
    shown = console_text(lambda console: print_tflite(report, console))
    assert re.search(r"int8 \(chosen\) +23\.6 +0\.8730 +2\.1e-01 +0\.82 +1\.45", shown)
    assert re.search(r"float32 +87\.4 +0\.8740 +3\.1e-06 +1\.92 +2\.87", shown)
    assert report["why"] in shown


def test_latencies_stand_below_each_other_where_beside_is_too_wide(tmp_path):
    run_dir = make_run(tmp_path / "mine", ["neg", "pos"], REVIEWS)
    report = read_json(run_dir / "tflite/report.json")
    lengths = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384]
    for index, variant in enumerate(report["variants"]):
        variant["latency_ms"] = {str(each): each / 10 + index for each in lengths}
    shown = console_text(lambda console: print_tflite(report, console), 80)
    assert "…" not in shown
    assert re.search(r"variant +float32 +int8 \(chosen\)", shown)
    assert re.search(r"largest difference +3\.1e-06 +2\.1e-01", shown)
    assert re.search(r"ms at 384 +38\.40 +39\.40", shown)


def test_a_narrow_terminal_cuts_no_number(tmp_path):
    run_dir = make_run(tmp_path / "mine", CHINESE, [REVIEWS[1] * 3])
    metrics = read_json(run_dir / "metrics.json")
    mistakes = read_json_lines(run_dir / "mistakes.jsonl")
    for width in (56, 80):
        shown = console_text(
            lambda console: print_result(metrics, mistakes, [], console), width
        )
        # The long text is cut, and nothing else.
        assert shown.count("…") == 1
        assert max(map(cell_len, shown.splitlines())) <= width
    report = read_json(run_dir / "tflite/report.json")
    assert "…" not in console_text(lambda console: print_tflite(report, console), 80)


def test_any_split_that_was_evaluated_is_shown(tmp_path):
    run_dir = make_run(tmp_path / "mine", ["neg", "pos"], REVIEWS)
    scores = read_json(run_dir / "metrics.json")["test"]
    metrics = {"labels": ["neg", "pos"], "validation": scores}
    shown = console_text(lambda console: print_result(metrics, [], [], console))
    assert "Confusion matrix of the validation split" in shown
    assert re.search(rf"validation +{scores['accuracy']:.4f}", shown)


def test_the_terminal_shows_the_measures_of_the_task(tmp_path):
    run_dir = make_run_without_labels(tmp_path / "mine")
    metrics = read_json(run_dir / "metrics.json")
    shown = console_text(lambda console: print_result(metrics, [], [], console))
    assert re.search(r"split +exact match +F1 +loss +texts", shown)
    assert re.search(rf"test +{MEASURED['exact_match']} +{MEASURED['f1']} ", shown)
    assert "onfus" not in shown
    report = read_json(run_dir / "tflite/report.json")
    shown = console_text(lambda console: print_tflite(report, console))
    assert "(Keras: exact match 0.7126)" in shown
    assert re.search(r"int8 \(chosen\) +23\.6 +0\.7124 ", shown)
