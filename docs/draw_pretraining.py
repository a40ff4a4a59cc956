"""Draws how a pre-training run's loss fell, and a power law through it to one day.

    python docs/draw_pretraining.py runs/zh_small

Writes docs/pictures/pretraining.svg, and prints what the docs tell of it.
"""

import argparse
import json
import math
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.report.drawing import Drawing
from bert_cpu.report.palette import light
from bert_cpu.stored_settings import load_settings
from bert_cpu.training.history import read_history

_DAY = 24 * 3600  # seconds
# Steps that are told in the history: one in ten. Means of so many are drawn.
_BIN = 20


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=pathlib.Path, help="a run of bert-cpu pretrain")
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path(__file__).resolve().parent / "pictures",
    )
    options = parser.parse_args(arguments)
    work = json.loads((options.run / "metrics.json").read_text(encoding="utf-8"))
    settings = load_settings(options.run / "config.json")
    if not isinstance(settings, PretrainSettings):
        print(f"{options.run} is no run of bert-cpu pretrain", file=sys.stderr)
        return 2
    tokens, losses = mean_losses(read_history(options.run), settings)
    if len(tokens) < 4:
        print(f"{options.run} is too short a run to draw", file=sys.stderr)
        return 2
    factor, power = fit_power_law(tokens, losses)
    in_a_day = work["train"]["tokens_per_second"] * _DAY
    print(f"loss = {factor:.3g} * tokens ** -{power:.4f}")
    print(f"a day: {in_a_day / 1e6:,.0f} M tokens, {factor * in_a_day**-power:.2f}")
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "pretraining.svg"
    drawing = draw(tokens, losses, factor, power, in_a_day)
    path.write_text(drawing._repr_svg_() + "\n", encoding="utf-8")
    print(path)
    return 0


def mean_losses(
    events: Sequence[dict[str, Any]], settings: PretrainSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens read, and the mean loss of the steps around.

    Args:
        events: of the run's history.
        settings: of the run, whose sequences are full.

    Returns:
        Two float64 `(n,)`.
    """
    steps = [event for event in events if event["kind"] == "step"]
    read, tokens, before = 0, [], 0
    for event in steps:
        is_short = event["epoch"] <= settings.num_short_epochs
        length = settings.short_length if is_short else settings.max_length
        read += (event["step"] - before) * settings.batch_size * length
        before = event["step"]
        tokens.append(read)
    starts = range(0, len(steps) - _BIN + 1, _BIN)
    losses = [np.mean([e["loss"] for e in steps[i : i + _BIN]]) for i in starts]
    return np.array([np.mean(tokens[i : i + _BIN]) for i in starts]), np.array(losses)


def fit_power_law(tokens: np.ndarray, losses: np.ndarray) -> tuple[float, float]:
    """`loss = factor * tokens ** -power` through the second half of the points.

    Reference: Kaplan et al. 2020, https://arxiv.org/abs/2001.08361 (losses fall so).
    """
    half = len(tokens) // 2
    slope, level = np.polyfit(np.log(tokens[half:]), np.log(losses[half:]), 1)
    return math.exp(level), -slope


def draw(
    tokens: np.ndarray, losses: np.ndarray, factor: float, power: float, end: float
) -> Drawing:
    """Points that were measured, and the dashed line that was not."""
    drawing = Drawing("pretraining", 620, 300)
    axes = drawing.axes(left=56, top=20, right=20, bottom=46)
    axes.plot(tokens, losses, ".", markersize=4, color=light("first"))
    line = np.geomspace(tokens[len(tokens) // 2], end, 50)
    axes.plot(line, factor * line**-power, "--", color=light("second"))
    axes.set_xscale("log")
    axes.set_xlabel(
        "tokens read (points: measured; dashed: extrapolated to one day)",
        color=light("muted"),
    )
    axes.set_title("training loss at hidden words", loc="left", color=light("muted"))
    return drawing


if __name__ == "__main__":
    sys.exit(main())
