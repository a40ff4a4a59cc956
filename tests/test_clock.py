"""A run that may take only so long ends in time, wherever it is."""

import signal

import pytest
import tiny_run
from loop_run import At, Run, press

from bert_cpu.errors import Interrupted
from bert_cpu.training import loop
from bert_cpu.training.checkpoint import Progress
from bert_cpu.training.clock import Clock
from bert_cpu.training.schedule import WarmupLinearDecay


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("loop")


@pytest.fixture(scope="module")
def manifest(directory):
    settings = tiny_run.tiny_settings(directory)
    return tiny_run.prepare(settings, directory / "records")


class SlowTime:
    """Stands in for `time`: each look at it takes half a second."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        self.now += 0.5
        return self.now

    def monotonic(self):
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(loop, "time", SlowTime())


def test_a_run_stops_when_its_minutes_are_over(tmp_path, manifest):
    # 25 looks at the clock: 18 steps, a validation and its saving, then 5 more.
    run = Run(tmp_path, manifest, [0.5, 0.75], epochs=9, minutes=12.5 / 60)
    progress = run.train()
    assert (progress.step, progress.epoch) == (23, 2)
    # What was done of the last epoch was judged and kept.
    assert (progress.best_epoch, progress.best_score) == (2, 0.75)
    assert (progress.seconds, progress.other_seconds) == (11.5, 2.0)
    saved = run.checkpoints.restore()
    assert (saved.step, saved.epoch, saved.epoch_step) == (23, 2, 0)
    # Both validations, and the first saving: not the one that it is from.
    assert saved.other_seconds == 1.5


def test_a_run_that_used_up_its_minutes_trains_no_further(tmp_path, manifest):
    Run(tmp_path, manifest, minutes=4 / 60).train()
    again = Run(tmp_path, manifest, minutes=4 / 60)
    assert again.train(again.checkpoints.restore()).step == 8


def test_an_epoch_that_the_clock_ended_is_measured_if_that_was_not_done(
    tmp_path, manifest
):
    run = Run(tmp_path, manifest, minutes=4 / 60)
    run.while_judged = lambda: press(signal.SIGTERM)
    with pytest.raises(Interrupted, match="after step 8"):
        run.train()
    again = Run(tmp_path, manifest, [0.75], minutes=4 / 60)
    progress = again.train(again.checkpoints.restore())
    assert (progress.step, progress.epoch, progress.best_score) == (8, 1, 0.75)


def test_an_update_is_made_of_fewer_batches_when_its_minutes_are_almost_over(
    tmp_path, manifest
):
    run = Run(tmp_path, manifest, minutes=5 / 60, accumulate=4)
    assert run.train().step == 10
    assert int(run.optimizer.iterations) == 3


@pytest.mark.parametrize("accumulate", [1, 4])
def test_the_rate_has_fallen_to_zero_when_the_minutes_are_over(
    tmp_path, manifest, accumulate
):
    changes = {"epochs": 900, "minutes": 50 / 60, "accumulate": accumulate}
    run = Run(tmp_path, manifest, **changes)
    run.schedule = WarmupLinearDecay(1.0, 900 * 18, 0.0)
    progress = run.train()
    # 100 looks at the clock: five epochs of 18 steps, a validation and a saving.
    assert progress.step == 90
    num_updates = int(run.optimizer.iterations)
    assert float(run.schedule(num_updates)) < 0.15
    assert float(run.schedule(num_updates // 2)) == pytest.approx(0.5, abs=0.1)


def test_a_run_that_goes_on_has_the_rate_that_it_had(tmp_path, manifest):
    changes = {"epochs": 900, "minutes": 12 / 60}
    run = Run(tmp_path, manifest, **changes)
    run.schedule = WarmupLinearDecay(1.0, 900 * 18, 0.0)
    with pytest.raises(Interrupted):
        run.train(screen=At(13, lambda: press(signal.SIGTERM)))
    rate = float(run.schedule(14))
    again = Run(tmp_path, manifest, **changes)
    again.schedule = WarmupLinearDecay(1.0, 900 * 18, 0.0)
    rates = []
    screen = At(15, lambda: rates.append(float(again.schedule(14))))
    again.train(again.checkpoints.restore(), screen)
    assert rates == [rate]
    assert rate < 0.5


def test_the_first_part_ends_by_its_share_of_the_minutes(tmp_path, manifest):
    run = Run(tmp_path, manifest, epochs=9, minutes=20 / 60)
    run.first_part = {"first_epochs": 5, "first_share": 0.6}
    progress = run.train()
    ends = [event for event in run.history() if event["kind"] == "epoch"]
    # 18 steps, a validation and its saving are 10 seconds; 12 are over 4 steps later,
    # in the second epoch, behind which the sixth comes.
    assert [(event["step"], event["epoch"]) for event in ends] == [
        (18, 1),
        (22, 5),
        (36, 6),
    ]
    assert (progress.step, progress.epoch) == (36, 6)


def test_a_run_that_was_stopped_after_its_first_part_goes_on_behind_it(
    tmp_path, manifest
):
    first_part = {"first_epochs": 5, "first_share": 0.6}
    run = Run(tmp_path, manifest, epochs=9, minutes=20 / 60)
    run.first_part = first_part
    with pytest.raises(Interrupted):
        run.train(screen=At(25, lambda: press(signal.SIGTERM)))
    again = Run(tmp_path, manifest, epochs=9, minutes=20 / 60)
    again.first_part = first_part
    saved = again.checkpoints.restore()
    assert (saved.epoch, saved.epoch_step) == (5, 4)
    assert again.train(saved).epoch == 6


def test_without_a_clock_the_first_part_is_as_long_as_its_epochs(tmp_path, manifest):
    run = Run(tmp_path, manifest, epochs=3)
    run.first_part = {"first_epochs": 2, "first_share": 0.1}
    assert run.train().step == 3 * 18


@pytest.mark.parametrize(
    ("step", "seconds", "expected"), [(780, 90, 1560), (1560, 180.2, 1560)]
)
def test_no_fewer_steps_are_foreseen_than_there_were(tmp_path, step, seconds, expected):
    settings = tiny_run.tiny_settings(tmp_path, minutes=3)
    progress = Progress(step=step, seconds=seconds)
    clock = Clock(settings, WarmupLinearDecay(1.0, 9000, 0.0), progress)
    assert clock.expect(progress) == expected
