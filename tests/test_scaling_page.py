"""The page of scaling: numbers, pictures, and what is not measured yet."""

import dataclasses
import json
import re
from xml.etree import ElementTree

import pytest
from scaling_costs import COSTS

from bench.scaling import predict as predict_module
from bench.scaling.__main__ import BEGIN, END, main
from bench.scaling.predict import COUNTS, predict
from bench.scaling.report import NOT_MEASURED

PAGE = f"Before\n{BEGIN}old\n{END}After\n"


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Fewer events: whether they agree is tested in test_scaling_model.py."""
    monkeypatch.setattr(predict_module, "_PLAYED_COUNTS", (1, 16))


@pytest.fixture
def write(tmp_path):
    """Writes a page from results, and gives its text."""
    page = tmp_path / "scaling.md"
    page.write_text(PAGE, encoding="utf-8")

    def write(results):
        path = tmp_path / "scale.json"
        path.write_text(json.dumps(results), encoding="utf-8")
        assert main([str(path), "--page", str(page)]) == 0
        return page.read_text(encoding="utf-8")

    return write


def measured():
    row = {
        "examples_per_second": 60.0,
        "step_seconds": 0.53,
        "ratio": None,
        "ratio_least": None,
        "ratio_largest": None,
    }
    return {
        "costs": dataclasses.asdict(COSTS),
        "settings": {
            "shape": {"num_hidden_layers": 6, "hidden_size": 384},
            "dtype": "float32",
            "batch": 32,
            "length": 128,
            "rounds": 3,
        },
        "machine": {
            "model": "A CPU",
            "cores": [0, 1],
            "memory_gb": 8.0,
            "simd": ["avx2"],
            "system": "Linux 6",
            "load": 0.1,
        },
        "versions": {"ours": {"keras": "3.15.1"}},
        "rows": [
            row | {"name": "one process"},
            row
            | {
                "name": "two workers",
                "ratio": 0.9512,
                "ratio_least": 0.94,
                "ratio_largest": 0.97,
                "difference": 1.2e-6,
            },
        ],
        "split": [
            {
                "name": "two workers",
                "compute": 0.5,
                "waiting": 0.01,
                "all_reduce": 0.02,
                "whole": 0.53,
                "bare": 0.06,
            }
        ],
    }


def test_the_page_has_what_was_measured_and_what_follows(write, tmp_path):
    text = write(measured())
    assert text.startswith("Before\n")
    assert text.endswith("After\n")
    assert "old" not in text
    assert NOT_MEASURED not in text
    assert "A CPU, 2 cores, 8 GB, avx2, Linux 6; load at the start 0.1" in text
    assert "| two workers | 60 | 530 | 0.951 (0.940 to 0.970) | 1.2e-06 |" in text
    assert "| two workers | 500 | 10 | 20 | 530 | 60 |" in text
    for count in COUNTS:
        assert f"\n| {count:,} | " in text
    # Of one worker: 32 examples in 0.53 s.
    assert "| that the software takes for a message | 50 µs |" in text
    assert "| 1 | 60.4 (100%) | 60.4 (100%) | 60.4 (100%) |" in text
    pictures = re.findall(r"\]\((scaling/.*?\.svg)\)", text)
    assert len(pictures) == 2
    for picture in pictures:
        root = ElementTree.parse(tmp_path / picture).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
    efficiency = (tmp_path / pictures[0]).read_text(encoding="utf-8")
    for network in ("10 Gbit/s", "25 Gbit/s", "100 Gbit/s", "1,024"):
        assert f">{network}<" in efficiency


def test_writing_twice_is_writing_once(write):
    assert write(measured()) == write(measured())


def test_what_is_not_measured_is_said_to_be(write):
    text = write({"costs": dataclasses.asdict(COSTS)})
    assert text.count(NOT_MEASURED) == 1
    assert "| 1,024 | " in text


def test_the_tables_say_how_far_playing_is_from_the_formulae(write):
    text = write(measured())
    step, share = re.findall(r"differs by ([0-9.]+)%.*by ([0-9.]+)%", text)[0]
    # 100 steps with a deviation of 4 %, and 2,000 failures.
    assert 0 < float(step) < 2
    assert 0 < float(share) < 8


def test_results_that_can_not_be_used_are_said(tmp_path, capsys):
    page = tmp_path / "scaling.md"
    page.write_text(PAGE, encoding="utf-8")
    path = tmp_path / "scale.json"
    for content, message in [
        (None, "there is no '.*scale.json': `make bench-scale` makes it"),
        ("{}", "can't be used: it has no `costs`"),
        ("{", "can't be used: Expecting property name"),
    ]:
        if content is not None:
            path.write_text(content, encoding="utf-8")
        with pytest.raises(SystemExit) as leaving:
            main([str(path), "--page", str(page)])
        assert leaving.value.code == 2
        assert re.search(message, capsys.readouterr().err)
        assert page.read_text(encoding="utf-8") == PAGE


def test_the_page_in_docs_has_the_marks(project_dir):
    page = (project_dir / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert (page.count(BEGIN), page.count(END)) == (1, 1)


def test_a_prediction_is_played_in_every_network():
    predicted = predict(COSTS, played_steps=3)
    played = [step for step in predicted["steps"] if step["played"] is not None]
    assert len(played) == 6
    assert {step["gigabits"] for step in played} == {10, 25, 100}
