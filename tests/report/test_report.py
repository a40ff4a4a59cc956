"""The page tells what the run's files hold, whole, safely and in any state."""

import errno
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from fake_run import (
    CHINESE,
    HOSTILE,
    MEASURED,
    REVIEWS,
    make_run,
    make_run_without_labels,
    numbers_in,
    read_json,
    read_json_lines,
)
from report_page import points_of, read_page

from bert_cpu.errors import UserError
from bert_cpu.report.next_steps import next_steps
from bert_cpu.report.one_line import one_line
from bert_cpu.report.spoken import metric_names, spoken, spoken_chinese
from bert_cpu.report.write_report import write_report


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


def test_one_line_drops_what_does_not_print():
    assert one_line("a\n b\t\x1b[31mc\u202ed\ud800  ", 40) == "a b [31mcd"
    assert one_line("abcdef", 4) == "abc…"
