"""Runs that are killed at any moment go on to the end that they would have had."""

import dataclasses
import json
import pathlib
import random

import numpy as np
import pytest
import tiny_run
from safetensors.numpy import load_file
from warm import Warm

from bert_cpu.stored_settings import load_settings
from bert_cpu.training.history import read_history
from bert_cpu.training.run_directory import start_run

KILLED = -9
LOST = 75  # What a worker leaves with that has lost another one.
NUM_STEPS = 36

# One with the slow tests, which `make test-faults` leaves out.
SEEDS = [
    pytest.param(seed, marks=pytest.mark.faults if seed else pytest.mark.slow)
    for seed in range(21)
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Settings of a run on records that are there."""
    directory = tmp_path_factory.mktemp("killed")
    settings = tiny_run.tiny_settings(directory)
    tiny_run.prepare(settings, directory / "records")
    return dataclasses.replace(settings, data=str(directory / "records"))


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    with Warm(tmp_path_factory.mktemp("warm")) as warm:
        yield warm


def settings_of(prepared, chance, seed, workers):
    """What else a state must hold than weights differs from seed to seed."""
    return dataclasses.replace(
        prepared,
        seed=seed,
        workers=workers,
        ema=chance.choice([0.0, 0.9]),
        accumulate=chance.choice([1, 3]),
        # After every step, or at the end of an epoch only.
        checkpoint_minutes=chance.choice([0.0, 0.001, 5.0]),
        heartbeat=10.0,
    )


def begin(settings, name):
    return start_run(dataclasses.replace(settings, name=name)).run_dir


def go_on(run_dir, **changes):
    before = load_settings(run_dir / "config.json")
    start_run(dataclasses.replace(before, resume=True, **changes))


def steps_done(run_dir):
    """By the newest state that is there."""
    states = (run_dir / "checkpoints").glob("step-*.json")
    return max((int(path.stem.removeprefix("step-")) for path in states), default=0)


def end_of(run_dir):
    """All that is left of a run: the last state, the bundle's weights, the history."""
    state = max((run_dir / "checkpoints").glob("step-*.safetensors"))
    description = json.loads(state.with_suffix(".json").read_text())
    progress = description["progress"]
    for clock in ("seconds", "other_seconds", "expected_updates"):
        del progress[clock]
    tensors = load_file(state) | load_file(
        pathlib.Path(run_dir) / "bundle" / "model.safetensors"
    )
    history = [e | {"tokens_per_second": None} for e in read_history(run_dir)]
    return state.name, progress, history, tensors


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_is_killed_goes_on_to_the_same_bits(prepared, warm, seed):
    chance = random.Random(seed)
    settings = settings_of(prepared, chance, seed, workers=1)
    whole, killed = (begin(settings, f"{kind}-{seed}") for kind in ("whole", "killed"))
    assert warm.run(whole) == [0]
    for _ in range(chance.choice([1, 1, 2])):
        if steps_done(killed) < NUM_STEPS - 1:
            # Somewhere in the step after it, or in what follows that.
            step = chance.randint(steps_done(killed) + 1, NUM_STEPS - 1)
            assert warm.run(killed, [(step, chance.uniform(0.0, 0.02))]) == [KILLED]
            go_on(killed)
    assert warm.run(killed) == [0]
    name, progress, history, tensors = end_of(killed)
    expected = end_of(whole)
    assert (name, progress, history) == expected[:3]
    assert progress["step"] == NUM_STEPS
    assert tensors.keys() == expected[3].keys()
    for key, value in expected[3].items():
        np.testing.assert_array_equal(tensors[key], value, err_msg=key)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_workers_of_which_one_or_both_are_killed_go_on_to_the_same_end(
    prepared, warm, seed
):
    chance = random.Random(100 + seed)
    settings = settings_of(prepared, chance, seed, workers=2)
    whole, killed = (begin(settings, f"{kind}-2-{seed}") for kind in ("whole", "dead"))
    assert warm.run(whole, (None, None)) == [0, 0]
    step = chance.randint(1, NUM_STEPS - 1)
    kills = [(step, chance.uniform(0.0, 0.02)) for _ in range(2)]
    spared = chance.choice([0, 1, None])
    if spared is not None:
        kills[spared] = None
    codes = warm.run(killed, kills)
    if spared is None:
        # One may have learned of the other's end before its own.
        assert KILLED in codes
        assert set(codes) <= {KILLED, LOST}
    else:
        assert (codes[spared], codes[1 - spared]) == (LOST, KILLED)
    go_on(killed)
    assert warm.run(killed, (None, None)) == [0, 0]
    name, progress, history, tensors = end_of(killed)
    expected = end_of(whole)
    assert name == expected[0]
    for field, value in expected[1].items():
        assert progress[field] == pytest.approx(value, abs=1e-6), field
    assert [e["step"] for e in history] == [e["step"] for e in expected[2]]
    assert tensors.keys() == expected[3].keys()
    for key, value in expected[3].items():
        # Sums over workers may be rounded in another order than the last time.
        np.testing.assert_allclose(tensors[key], value, rtol=0, atol=1e-6, err_msg=key)
