"""The page tells what the run's files hold, whole, safely and in any state."""

import errno
import html.parser
import json
import os
import re
import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from fake_run import (
    CHINESE,
    HOSTILE,
    MEASURED,
    REVIEWS,
    TOPICS,
    make_run,
    make_run_without_labels,
    numbers_in,
    read_json,
    read_json_lines,
)

from bert_cpu.errors import UserError
from bert_cpu.report.bars import draw_latency, group_lengths
from bert_cpu.report.confusion import worst_labels
from bert_cpu.report.curves import smooth
from bert_cpu.report.next_steps import next_steps
from bert_cpu.report.one_line import one_line
from bert_cpu.report.spoken import metric_names, spoken, spoken_chinese
from bert_cpu.report.write_report import write_report

SVG = "{http://www.w3.org/2000/svg}"


class Page(html.parser.HTMLParser):
    """What a browser would find: elements, exact numbers, text; tags must match."""

    VOID = frozenset({"meta"})

    def __init__(self, source: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.values: list[float] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "data":
            self.values.append(float(dict(attrs)["value"]))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words += data


def read_page(run_dir: Path) -> tuple[str, Page, list[ElementTree.Element]]:
    source = write_report(run_dir).read_text(encoding="utf-8")
    svgs = [
        ElementTree.fromstring(svg)
        for svg in re.findall(r"<svg.*?</svg>", source, re.S)
    ]
    return source, Page(source), svgs


def texts_of(svg: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def by_id(svgs: list[ElementTree.Element], name: str) -> ElementTree.Element:
    (found,) = (e for svg in svgs for e in svg.iter() if e.get("id") == name)
    return found


def height_of(svgs: list[ElementTree.Element], name: str) -> float:
    return np.ptp(points_of(svgs, name)[:, 1])


def points_of(svgs: list[ElementTree.Element], name: str) -> np.ndarray:
    path = by_id(svgs, name).find(f".//{SVG}path")
    assert path is not None
    return np.array(re.findall(r"[\d.-]+", path.get("d", "")), float).reshape(-1, 2)


@pytest.mark.parametrize(
    ("labels", "texts"),
    [
        (["neg", "pos"], REVIEWS),
        (CHINESE, ["地铁口的房子涨了三成，业主却说亏了。"]),
        (
            [HOSTILE, "$x^2$ \\frac", "a\nb\x00\x1b[31m\u202e", "\ud800@0@"],
            [HOSTILE] * 3,
        ),
        ([f"label {number}" for number in range(100)], REVIEWS),
    ],
    ids=["two", "chinese", "hostile", "hundred"],
)
def test_the_page_is_whole_and_reaches_for_nothing(tmp_path, labels, texts):
    source, page, svgs = read_page(make_run(tmp_path / "mine", labels, texts))
    assert len(svgs) == 5
    assert not {tag for tag, _ in page.tags} & {
        *("script", "img", "link", "iframe", "object", "embed", "base", "image"),
        *("form", "video", "audio", "foreignobject", "animate"),
    }
    references = []
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        references += [attributes.get(name) for name in ("src", "href", "xlink:href")]
    assert {reference[0] for reference in references if reference} == {"#"}
    assert set(re.findall(r"url\((.)", source)) == {"#"}
    assert "@import" not in source
    ids = re.findall(r'\bid="([^"]*)"', source)
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:href="|url\()#([^")]+)', source)
    assert set(used) <= set(ids)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The directory of a finished run of 20 labels, its parsed page and SVGs."""
    run_dir = make_run(tmp_path_factory.mktemp("runs") / "mine", TOPICS, REVIEWS)
    _, page, svgs = read_page(run_dir)
    return run_dir, page, svgs


def test_every_number_of_the_run_is_in_the_page_unrounded(finished):
    run_dir, page, _ = finished
    metrics = read_json(run_dir / "metrics.json")
    del metrics["data"]["length_histogram"], metrics["test"]["confusion_matrix"]
    tflite = read_json(run_dir / "tflite/report.json")
    expected = set(numbers_in(metrics)) | set(numbers_in(tflite))
    assert expected - set(page.values) == set()


def test_a_task_without_labels_shows_what_it_measures(tmp_path):
    run_dir = make_run_without_labels(tmp_path / "mine")
    _, page, svgs = read_page(run_dir)
    metrics = read_json(run_dir / "metrics.json")
    del metrics["data"]["length_histogram"]
    numbers = numbers_in(metrics) + numbers_in(
        read_json(run_dir / "tflite/report.json")
    )
    assert set(numbers) - set(page.values) == set()
    assert MEASURED["exact_match"] in page.values
    for words in ("Test exact match 完全匹配", "Test F1", "for the task answer"):
        assert words in page.words
    # Nothing was labelled, so nothing was confused.
    for words in ("accuracy", "macro-F1", "It labelled", "Confusion matrix"):
        assert words not in page.words
    assert len(svgs) == 4
    epochs = [
        line
        for line in read_json_lines(run_dir / "history.jsonl")
        if line["kind"] == "epoch"
    ]
    for name in ("exact_match", "f1"):
        points = points_of(svgs, f"validation-{name}")[:, 1]
        values = [line[f"validation_{name}"] for line in epochs]
        assert np.corrcoef(points, values)[0, 1] == pytest.approx(-1, abs=1e-6)


def test_metrics_are_called_as_people_call_them_and_others_by_their_keys():
    assert (spoken("macro_f1"), spoken_chinese("macro_f1")) == ("macro-F1", "宏平均")
    assert (spoken("new_thing"), spoken_chinese("new_thing")) == ("new thing", "")
    # Runs of before there was another task don't say which they have.
    assert metric_names({}) == ["accuracy", "macro_f1"]
    assert metric_names({"metrics": ["spearman"]}) == ["spearman"]


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


def test_hostile_text_is_shown_as_text(tmp_path):
    source, page, _ = read_page(make_run(tmp_path / "mine", [HOSTILE, "b"], [HOSTILE]))
    assert HOSTILE in page.words
    assert "<script" not in source
    assert "<img" not in source
    assert "default-src 'none'" in source


def test_the_same_run_gives_the_same_page(tmp_path):
    run_dir = make_run(tmp_path / "mine", ["neg", "pos"], REVIEWS)
    first = write_report(run_dir).read_bytes()
    assert write_report(run_dir).read_bytes() == first
    assert [path.name for path in run_dir.glob("*report*")] == ["report.html"]


@pytest.mark.parametrize("count", range(5))
def test_an_unfinished_run_still_gets_its_page(tmp_path, count):
    run_dir = make_run(tmp_path / "mine", ["neg", "pos"], REVIEWS)
    names = ["tflite/report.json", "metrics.json", "mistakes.jsonl", "history.jsonl"]
    for name in [*names, "config.json"][: count + 1]:
        (run_dir / name).unlink()
    _, page, svgs = read_page(run_dir)
    assert len(svgs) == [4, 2, 2, 0, 0][count]
    assert ("There are no results yet" in page.words) == (count > 0)


@pytest.mark.parametrize(
    ("missing", "runs_dir", "expected"),
    [
        ("metrics.json", "runs", "bert-cpu train --name 'my run' --resume"),
        ("tflite/report.json", "runs", "make tflite NAME='my run'"),
        (
            "tflite/report.json",
            "else where",
            "bert-cpu export --name 'my run' --runs-dir 'else where'",
        ),
        (None, "runs", "bert-cpu predict 'runs/my run' \"a text of yours\""),
    ],
)
def test_the_next_command_fits_what_is_there(
    tmp_path, monkeypatch, missing, runs_dir, expected
):
    monkeypatch.chdir(tmp_path)
    run_dir = make_run(Path(runs_dir) / "my run", ["neg", "pos"], REVIEWS)
    if missing:
        (run_dir / missing).unlink()
    commands = [command for command, _ in next_steps(run_dir)]
    assert commands[0] == expected
    assert commands[-1] == f"tensorboard --logdir '{runs_dir}/my run/tensorboard'"


def test_a_question_with_marks_is_shown_as_it_is_to_be_typed(tmp_path):
    run_dir = make_run(tmp_path / "mine", ["neg", "pos"], REVIEWS)
    tflite = read_json(run_dir / "tflite/report.json")
    asked = {"text": "<e1>Ann</e1> in <e2>Rome</e2>", "text_pair": None}
    (run_dir / "tflite/report.json").write_text(json.dumps(tflite | {"ask": asked}))
    assert f'predict {run_dir} "{asked["text"]}"' in read_page(run_dir)[1].words


def test_a_model_of_pairs_is_asked_with_a_pair(tmp_path):
    run_dir = make_run(tmp_path / "mine", ["neg", "pos"], REVIEWS)
    config = read_json(run_dir / "config.json") | {"text_pair": "premise"}
    (run_dir / "config.json").write_text(json.dumps(config))
    first, by_line, _ = (command for command, _ in next_steps(run_dir))
    assert first.endswith('"a text of yours" --pair "and another"')
    assert by_line.endswith("--json --text-pair second < texts.txt")


def test_half_a_last_line_is_left_out_and_damage_is_named(tmp_path):
    run_dir = make_run(tmp_path / "mine", ["neg", "pos"], REVIEWS)
    history = (run_dir / "history.jsonl").read_text()
    (run_dir / "history.jsonl").write_text(history + '{"kind": "step", "st')
    assert "Damaged" not in read_page(run_dir)[1].words
    (run_dir / "history.jsonl").write_text("{half\n" + history)
    (run_dir / "metrics.json").write_text('{"name": "mine", "tra')
    words = read_page(run_dir)[1].words
    assert "left out in part or whole: history.jsonl, metrics.json." in words


def test_a_loss_that_is_no_number_is_left_out(tmp_path):
    run_dir = make_run(tmp_path / "mine", ["neg", "pos"], REVIEWS)
    history = (run_dir / "history.jsonl").read_text()
    bad = '{"kind": "step", "step": 5, "epoch": 1, "loss": NaN}\n'
    (run_dir / "history.jsonl").write_text(bad + history)
    _, _, svgs = read_page(run_dir)
    assert len(points_of(svgs, "loss-raw")) == 60
    assert len(points_of(svgs, "loss-smooth")) == 60


def test_a_missing_run_is_the_users_mistake(tmp_path):
    with pytest.raises(UserError, match="is not a directory, but a run dir"):
        write_report(tmp_path / "none")


def test_a_full_disk_is_said_and_keeps_the_old_page(tmp_path, monkeypatch):
    run_dir = make_run(tmp_path / "mine", ["neg", "pos"], REVIEWS)
    before = write_report(run_dir).read_bytes()

    def fail(_file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UserError, match="The disk is full: .*report.html"):
        write_report(run_dir)
    assert (run_dir / "report.html").read_bytes() == before


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


def test_one_line_drops_what_does_not_print():
    assert one_line("a\n b\t\x1b[31mc\u202ed\ud800  ", 40) == "a b [31mcd"
    assert one_line("abcdef", 4) == "abc…"
