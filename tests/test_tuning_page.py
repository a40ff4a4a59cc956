"""The page of the race of sweeps: what was counted, and what is not measured yet."""

import dataclasses
import json
import re

import pytest

from bench.tuning.__main__ import BEGIN, END, main
from bench.tuning.report import NOT_MEASURED
from bench.tuning.trial import Trial

VALUES = {"learning_rate": 1e-4, "batch_size": 16}
MEASURED = {
    "settings": {
        "num_examples": 8099,
        "dtype": "bfloat16",
        "budget_seconds": 1800.0,
        "seed": 0,
    },
    "machine": {
        "model": "A CPU",
        "cores": [0, 1],
        "memory_gb": 8.0,
        "simd": ["avx2"],
        "system": "Linux 6",
        "load": 0.1,
    },
    "versions": {"peers": {"keras-hub": "0.32.0", "keras-tuner": "1.4.8"}},
}


def side(trials, epochs, **changes):
    return {
        "trials": trials,
        "epochs": epochs,
        "examples": 8099 * epochs,
        "epoch_seconds": 1800 / epochs if epochs else None,
        "best_accuracy": 0.87654 if epochs else None,
        "each": [dataclasses.asdict(Trial("0", True, None, VALUES, (), 1.0))],
        **changes,
    }


@pytest.fixture
def page(tmp_path):
    """Writes a page from results, and gives its text."""
    path = tmp_path / "tuning.md"
    path.write_text(f"Before\n{BEGIN}old\n{END}After\n", encoding="utf-8")

    def text(results):
        (tmp_path / "tune.json").write_text(json.dumps(results), encoding="utf-8")
        assert main([str(tmp_path / "tune.json"), "--page", str(path)]) == 0
        return path.read_text(encoding="utf-8")

    return text


def test_the_page_says_what_was_counted_and_whether_it_is_enough(page):
    text = page(MEASURED | {"sides": {"ours": side(12, 21), "theirs": side(8, 14)}})
    assert text.startswith("Before\n")
    assert text.endswith("After\n")
    assert "old" not in text
    assert "| trials finished | 12 | 8 | 1.50 |" in text
    assert "| epochs trained, whole ones | 21 | 14 | 1.50 |" in text
    assert "| examples trained in these | 170,079 | 113,386 | 1.50 |" in text
    assert "| seconds an epoch, with all between | 85.7 | 128.6 | 0.67 |" in text
    assert "| best validation accuracy | 0.8765 | 0.8765 |  |" in text
    assert "8,099 examples, bfloat16, a budget of 30 min each, seed 0" in text
    assert "keras-hub 0.32.0, keras-tuner 1.4.8" in text
    assert "as many trials, and **reached** (1.50 ×)" in text
    assert "the 1 trials that both began anew, the first 1 have the same" in text
    text = page(MEASURED | {"sides": {"ours": side(11, 21), "theirs": side(8, 14)}})
    assert "**not reached** (1.38 ×)" in text


def test_the_page_divides_by_no_zero(page):
    text = page(MEASURED | {"sides": {"ours": side(1, 1), "theirs": side(0, 0)}})
    assert "| trials finished | 1 | 0 |  |" in text
    assert "| seconds an epoch, with all between | 1800.0 |  |  |" in text
    assert "theirs finished none, so there is no ratio" in text


def test_results_that_can_not_be_used_are_said(tmp_path, capsys):
    path = tmp_path / "tuning.md"
    path.write_text(f"{BEGIN}old\n{END}", encoding="utf-8")
    results = tmp_path / "tune.json"
    for content, message in [
        (None, "there is no '.*tune.json': `make bench-tune` makes it"),
        ('{"sides": {"ours": {}}}', "can't be used: it has no `theirs`: `make bench-"),
        ("{", "can't be used: Expecting property name"),
    ]:
        if content is not None:
            results.write_text(content, encoding="utf-8")
        with pytest.raises(SystemExit) as leaving:
            main([str(results), "--page", str(path)])
        assert leaving.value.code == 2
        assert re.search(message, capsys.readouterr().err)
        assert "old" in path.read_text(encoding="utf-8")


def test_the_page_in_docs_has_the_marks(project_dir):
    text = (project_dir / "docs" / "tuning.md").read_text(encoding="utf-8")
    results = text.split(BEGIN)[1].split(END)[0]
    assert NOT_MEASURED in results or "| trials finished |" in results
