"""The pictures of the page draw the run's numbers, to scale."""

import warnings
from xml.etree import ElementTree

import numpy as np
import pytest
from fake_run import CHINESE, REVIEWS, make_run, read_json, read_json_lines
from report_page import SVG, height_of, points_of, read_page

from bert_cpu.report.bars import draw_latency, group_lengths
from bert_cpu.report.confusion import worst_labels
from bert_cpu.report.curves import smooth


def texts_of(svg: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def test_curves_are_the_history(finished):
    run_dir, _, svgs = finished
    lines = read_json_lines(run_dir / "history.jsonl")
    for name, kind, key in [
        ("loss-raw", "step", "loss"),
        ("loss-rate", "step", "learning_rate"),
        ("loss-validation", "epoch", "validation_loss"),
        ("validation-accuracy", "epoch", "validation_accuracy"),
        ("validation-macro_f1", "epoch", "validation_macro_f1"),
    ]:
        expected = [(line["step"], line[key]) for line in lines if line["kind"] == kind]
        points = points_of(svgs, name)
        # An axis stretches and shifts, and pixels count downwards.
        scale, shift = np.polyfit(points[:, 1], [value for _, value in expected], 1)
        assert scale < 0
        np.testing.assert_allclose(
            points[:, 1] * scale + shift,
            [value for _, value in expected],
            rtol=1e-4,
            atol=1e-9,
        )
        steps = np.polyfit(points[:, 0], [step for step, _ in expected], 1)
        np.testing.assert_allclose(
            np.polyval(steps, points[:, 0]), [step for step, _ in expected], rtol=1e-4
        )


def test_confusion_cells_are_the_matrix(finished):
    run_dir, _, svgs = finished
    matrix = read_json(run_dir / "metrics.json")["test"]["confusion_matrix"]
    shown = {
        element.get("id"): "".join(element.itertext()).strip()
        for svg in svgs
        for element in svg.iter()
        if "cell" in element.get("id", "")
    }
    assert shown == {
        f"confusion-cell-{true}-{predicted}": str(count)
        for true, row in enumerate(matrix)
        for predicted, count in enumerate(row)
        if count
    }


def test_bars_are_as_high_as_their_numbers(finished):
    run_dir, _, svgs = finished
    histogram = read_json(run_dir / "metrics.json")["data"]["length_histogram"]
    ends = range(6, 129, 3)
    heights = np.array([height_of(svgs, f"lengths-{end}") for end in ends])
    counts = np.array(
        [sum(histogram.get(str(end - back), 0) for back in range(3)) for end in ends]
    )
    # In parts of the highest: an SVG's numbers have six decimals of a pixel.
    np.testing.assert_allclose(
        heights / heights.max(), counts / counts.max(), atol=1e-6
    )
    scales = [
        height_of(svgs, f"latency-{variant['name']}-{bucket}") / latency
        for variant in read_json(run_dir / "tflite/report.json")["variants"]
        for bucket, latency in variant["latency_ms"].items()
    ]
    np.testing.assert_allclose(scales, scales[0], rtol=1e-4)


def test_very_different_latencies_get_a_logarithmic_axis():
    drawing = draw_latency({"slow": {"16": 1.0, "512": 100.0}, "fast": {"16": 0.5}})
    svgs = [ElementTree.fromstring(drawing.to_svg("latency"))]
    slowest, slow, fast = (
        height_of(svgs, f"latency-{bar}") for bar in ("slow-512", "slow-16", "fast-16")
    )
    # A hundredfold is twice a tenfold, and twofold is log10(2) of a tenfold.
    assert (slow - fast) / (slowest - slow) == pytest.approx(np.log10(2) / 2, rel=1e-4)


def test_chinese_labels_are_left_to_the_fonts_of_the_reader(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of glyphs it can't draw
        _, _, svgs = read_page(make_run(tmp_path / "中文", CHINESE, REVIEWS))
    shown = [text for svg in svgs for text in texts_of(svg)]
    assert [shown.count(label) for label in CHINESE] == [2] * 4
    assert not [
        e for svg in svgs for e in svg.iter() if "font-family" in e.get("style", "")
    ]


def test_a_loss_that_is_no_number_is_left_out(tmp_path):
    run_dir = make_run(tmp_path / "mine", ["neg", "pos"], REVIEWS)
    history = (run_dir / "history.jsonl").read_text()
    bad = '{"kind": "step", "step": 5, "epoch": 1, "loss": NaN}\n'
    (run_dir / "history.jsonl").write_text(bad + history)
    _, _, svgs = read_page(run_dir)
    assert len(points_of(svgs, "loss-raw")) == 60
    assert len(points_of(svgs, "loss-smooth")) == 60


def test_smoothing_starts_at_the_first_value_and_follows():
    assert smooth([4.0])[0] == pytest.approx(4.0)
    np.testing.assert_allclose(smooth([3.0] * 50), 3.0)
    # Longhand: weights 0.8 and 1 for two values, with the decay of a short run.
    assert smooth([1.0, 2.0])[1] == pytest.approx((0.8 * 1 + 2) / 1.8)


def test_grouping_loses_no_text_and_keeps_to_the_bars():
    counts = {length: length % 7 for length in range(3, 513)}
    bins, width = group_lengths(counts, 40)
    assert sum(bins.values()) == sum(counts.values())
    assert len(bins) <= 40
    assert bins[width] == sum(counts.get(length, 0) for length in range(1, width + 1))


def test_of_many_labels_the_worst_confused_are_drawn():
    matrix = np.eye(60, dtype=int) * 9
    matrix[41, 7], matrix[3, 58] = 5, 4
    assert worst_labels(matrix.tolist(), 4) == [3, 7, 41, 58]
