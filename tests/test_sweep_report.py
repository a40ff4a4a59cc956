"""The page and the tables that a sweep leaves."""

import io
import json
import re
from html.parser import HTMLParser

import pytest
import rich.console

from bert_cpu.errors import UserError
from bert_cpu.report.print_sweep import print_sweep
from bert_cpu.report.sweep_drawings import draw_history
from bert_cpu.report.write_sweep_report import write_sweep_report

HOSTILE = "<script>alert(1)</script>\"'><img src=http://evil.test/a.png> {{7*7}}"


def trial(number, status="completed", **changes):
    return {
        "id": f"{number:04d}",
        "status": status,
        "stopped_by": "median" if status == "stopped" else None,
        "message": None,
        "score": 0.8 + number / 1000,
        "variant": None,
        "seed": number,
        "epochs": 3,
        "values": {
            "learning_rate": 1e-5 * (number + 1),
            "batch_size": 16,
            "class_weights": "none" if number % 2 else "balanced",
        },
        "times": {"seconds": 60.0 + number},
        **changes,
    }


def sweep(**changes):
    runs = [
        {
            "recipe": recipe,
            "seed": seed,
            "run_dir": f"runs/mine-{recipe}-{seed}",
            "validation": {"accuracy": 0.87 + seed / 100},
            "test": {"accuracy": 0.86 + seed / 100},
            "seconds": 100.0,
        }
        for seed in range(2)
        for recipe in ("best", "default")
    ]
    return {
        "format": "bert_cpu.sweep",
        "version": 1,
        "settings": {
            "algorithm": "random",
            "task": "classify",
            "data": HOSTILE,
            "encoder": "minilm",
        },
        "space": {
            "learning_rate": {"log": [1e-5, 1e-3]},
            "batch_size": [16, 32],
            "class_weights": ["none", "balanced"],
        },
        "objective": "accuracy",
        "seconds": 754.0,
        "trials": [
            *(trial(number) for number in range(9)),
            trial(9, "stopped"),
            trial(10, "failed", score=None, message=HOSTILE),
        ],
        "best": "0008",
        "importance": {"learning_rate": 0.7, "class_weights": 0.3, "batch_size": 0.0},
        "final": {
            "metric": "accuracy",
            "runs": runs,
            "best_run": "runs/mine-best-1",
            "recipes": {
                "best": {"mean": 0.865, "deviation": 0.007},
                "default": {"mean": 0.865, "deviation": 0.007},
            },
            "gain": 0.004,
            "error": 0.003,
        },
        **changes,
    }


@pytest.fixture
def write(tmp_path):
    def write_page(content):
        (tmp_path / "sweep.json").write_text(json.dumps(content))
        return write_sweep_report(tmp_path).read_text(encoding="utf-8")

    return write_page


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_loads_nothing_and_runs_nothing(write):
    tags = Tags(write(sweep())).found
    assert not {tag for tag, _ in tags} & {"script", "link", "iframe", "img", "object"}
    for tag, attributes in tags:
        assert not {"src", "href", "onerror", "onload"} & attributes.keys() or (
            attributes.get("href", attributes.get("src", "")).startswith("#")
        ), tag
    assert "{{7*7}}" in write(sweep())


def test_the_page_has_the_four_pictures(write):
    page = write(sweep())
    ids = re.findall(r'id="(\w+)-trials"|id="(parallel)-trial-\d+"', page)
    assert {"history", "cost", "parallel"} <= {a or b for a, b in ids}
    assert page.count('id="parallel-trial-') == 10
    assert "importance-" in page
    assert "against time" in page


def test_words_stand_apart_and_epochs_beside_the_score(write):
    words = " ".join(re.sub("<[^>]*>", "", write(sweep())).split())
    assert "batch_size16, 32" in words
    assert "within the noise. The chosen run" in words
    head = re.findall(r"<th>(\w+)</th>", write(sweep(final=None)))
    assert head[:4] == ["trial", "accuracy", "epochs", "learning_rate"]
    row = re.search(r'<th scope="row">0009.*?</tr>', write(sweep(final=None)))[0]
    cells = re.findall(r'<data value="(.*?)"', row)
    assert [float(cell) for cell in cells[:3]] == [0.809, 3, 1e-4]


def test_the_history_has_each_trial_at_its_number():
    # Trial 2 failed.
    drawing = draw_history([0, 1, 3], [0.8, 0.9, 0.85], is_lower_better=False)
    lines = {line.get_gid(): line for line in drawing.figure.axes[0].lines}
    assert list(lines["trials"].get_xdata()) == [0, 1, 3]
    assert list(lines["best"].get_ydata()) == [0.8, 0.9, 0.9]


def test_a_sweep_under_a_limit_shows_latency(write):
    converted = [
        {"name": "int8", "size_mb": 24.3, "latency_ms": 4.2, "accuracy": 0.86},
        {"name": "float32", "size_mb": 90.6, "latency_ms": 9.5, "accuracy": 0.87},
    ]
    trials = [
        trial(0, variant="int8", converted=converted),
        trial(1, variant=None, score=-1.5, converted=converted),
    ]
    page = write(sweep(trials=trials, best="0000", final=None))
    assert "against latency" in page
    assert '<data value="4.2">4.20</data> ms' in page
    assert "outside the limits" in page
    assert 'value="-1.5"' not in page


def test_numbers_are_those_of_the_file(write):
    page = write(sweep())
    assert '<data value="0.808">0.8080</data>' in page
    assert "12 min 34 s" in page
    # 0.004 is under twice 0.003.
    assert "within the noise" in page
    clear = write(sweep(final=sweep()["final"] | {"error": 0.001}))
    assert "within the noise" not in clear


@pytest.mark.parametrize("trials", [[], [trial(0)], [trial(0, "failed", score=None)]])
def test_a_page_of_a_sweep_that_has_hardly_begun(write, trials):
    page = write(sweep(trials=trials, best=None, importance=None, final=None))
    assert "</html>" in page


def test_a_file_that_is_no_sweeps_is_said(tmp_path):
    (tmp_path / "sweep.json").write_text("{}")
    with pytest.raises(UserError, match="has format None"):
        write_sweep_report(tmp_path)


def test_the_terminal_shows_the_best_first_and_the_noise():
    console = rich.console.Console(file=io.StringIO(), width=90)
    print_sweep(sweep(), console)
    said = console.file.getvalue()
    assert re.search(r"trial +0009 +0008 +0007 +0006 +0005", said)
    assert re.search(r"accuracy +0\.8090 +0\.8080", said)
    assert "runs/mine-best-1" in said
    assert "differs from the default by +0.0040 on the test" in said
    assert "within the noise" in said
