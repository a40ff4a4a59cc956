"""The curve of a pre-training run, and what is drawn beyond it."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.settings import TrainSettings
from bert_cpu.stored_settings import save_settings

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "docs/draw_pretraining.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("draw_pretraining", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def step(number, epoch, loss):
    return {"kind": "step", "step": number, "epoch": epoch, "loss": loss}


def test_a_power_law_is_found_again(script):
    tokens = np.geomspace(1e5, 1e7, 40)
    losses = 20 * tokens**-0.1
    losses[:20] += 1.0  # The first half does not count.
    factor, power = script.fit_power_law(tokens, losses)
    assert (factor, power) == (pytest.approx(20), pytest.approx(0.1))


def test_tokens_are_counted_by_the_length_of_their_epoch(script):
    settings = PretrainSettings(
        batch_size=2, short_length=8, max_length=16, short_epochs=1, epochs=2
    )
    # Ten steps a line: 20 lines of 160 tokens, and 20 of 320.
    events = [step(10 * n, 1 if n <= 20 else 2, float(n)) for n in range(1, 41)]
    events.insert(20, {"kind": "epoch", "step": 200})
    tokens, losses = script.mean_losses(events, settings)
    assert tokens.tolist() == [160 * 10.5, 160 * 20 + 320 * 10.5]
    assert losses.tolist() == [10.5, 30.5]


def write_run(directory, settings, num_lines):
    directory.mkdir()
    save_settings(settings, directory / "config.json")
    lines = [step(10 * n, 1, 10 * n**-0.1) for n in range(1, num_lines + 1)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (directory / "history.jsonl").write_text(text)
    metrics = {"train": {"tokens_per_second": 1000.0}}
    (directory / "metrics.json").write_text(json.dumps(metrics))
    return directory


def test_a_run_is_drawn(script, tmp_path, capsys):
    run = write_run(tmp_path / "run", PretrainSettings(), 200)
    assert script.main([str(run), "--output", str(tmp_path / "pictures")]) == 0
    assert "a day: 86 M tokens, " in capsys.readouterr().out
    assert "extrapolated" in (tmp_path / "pictures/pretraining.svg").read_text()


@pytest.mark.parametrize(
    "settings, num_lines, said",
    [
        (PretrainSettings(), 60, "is too short a run to draw"),
        (TrainSettings(), 200, "is no run of bert-cpu pretrain"),
    ],
)
def test_what_can_not_be_drawn_is_said(
    script, tmp_path, capsys, settings, num_lines, said
):
    run = write_run(tmp_path / "run", settings, num_lines)
    assert script.main([str(run), "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err.strip() == f"{run} {said}"
