"""A run that is asked to stop saves at once, and goes on as if it had not."""

import functools
import signal

import numpy as np
import pytest
import tiny_run
from loop_run import At, Run, press

from bert_cpu.errors import Interrupted


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("loop")


@pytest.fixture(scope="module")
def manifest(directory):
    settings = tiny_run.tiny_settings(directory)
    return tiny_run.prepare(settings, directory / "records")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_obeyed_after_the_step_and_the_state_is_saved(
    tmp_path, manifest, number
):
    run = Run(tmp_path, manifest)
    handler = signal.getsignal(number)
    where = r"--name tiny --runs-dir \S+/runs --resume"
    with pytest.raises(
        Interrupted, match=rf"after step 6, and saved\. Go on with {where}\.$"
    ):
        run.train(screen=At(5, lambda: press(number)))
    assert signal.getsignal(number) is handler
    assert run.checkpoints.restore().step == 6


def test_a_signal_within_an_update_waits_for_its_end(tmp_path, manifest):
    run = Run(tmp_path, manifest, accumulate=4)
    with pytest.raises(Interrupted, match="after step 8"):
        run.train(screen=At(5, lambda: press(signal.SIGTERM)))
    assert run.checkpoints.restore().step == 8


def test_a_second_ctrl_c_stops_at_once(tmp_path, manifest):
    run = Run(tmp_path, manifest)

    def press_twice():
        press(signal.SIGINT)
        press(signal.SIGINT)

    # A shell's background job, as these tests may be, is deaf to Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run.train(screen=At(5, press_twice))
    finally:
        signal.signal(signal.SIGINT, before)
    assert run.checkpoints.restore().step == 0


@pytest.fixture(scope="module")
def whole_run(directory, manifest):
    """Runs that were never stopped: progress, history, last state, best weights."""

    @functools.cache
    def train_whole(**changes):
        run = Run(
            directory / f"whole-{sorted(changes)}", manifest, [0.5, 0.6], **changes
        )
        progress = run.train()
        return progress, run.history(), run.saved("step-*"), run.saved("best-*")

    return train_whole


def start_again(tmp_path, manifest, accuracies, **changes):
    """A run in the same directory as one that ended, in what is like a new process."""
    run = Run(tmp_path, manifest, accuracies, **changes)
    for variable in run.variables:
        variable.assign(np.full(variable.shape, 3, variable.dtype))
    return run


def assert_goes_on_to_the_same_end(run, whole):
    expected, history, state, best = whole
    progress = run.train(run.checkpoints.restore())
    progress.seconds = expected.seconds
    progress.other_seconds = expected.other_seconds
    assert progress == expected
    assert run.history() == history
    for found, value in zip(run.saved("step-*"), state, strict=True):
        np.testing.assert_array_equal(found, value)
    for found, value in zip(run.saved("best-*"), best, strict=True):
        np.testing.assert_array_equal(found, value)


# Within the first epoch, at its last step, and within the second.
@pytest.mark.parametrize(
    "step, changes",
    [
        (7, {}),
        (17, {}),
        (23, {}),
        (7, {"accumulate": 4}),
        (7, {"ema": 0.9}),
    ],
)
def test_a_run_that_goes_on_ends_as_if_it_had_never_stopped(
    tmp_path, manifest, whole_run, step, changes
):
    run = Run(tmp_path, manifest, [0.5, 0.6], **changes)
    with pytest.raises(Interrupted):
        run.train(screen=At(step, lambda: press(signal.SIGTERM)))
    run = start_again(tmp_path, manifest, [0.5, 0.6][step > 18 :], **changes)
    assert_goes_on_to_the_same_end(run, whole_run(**changes))


def test_a_signal_while_the_validation_split_is_measured_is_obeyed_at_once(
    tmp_path, manifest, whole_run
):
    run = Run(tmp_path, manifest, ema=0.9)
    run.while_judged = lambda: press(signal.SIGTERM)
    with pytest.raises(Interrupted, match="after step 18, and saved"):
        run.train()
    assert run.judged == []
    saved = run.checkpoints.restore()
    assert (saved.epoch, saved.epoch_step, saved.best_epoch) == (0, 18, 0)
    again = start_again(tmp_path, manifest, [0.5, 0.6], ema=0.9)
    assert_goes_on_to_the_same_end(again, whole_run(ema=0.9))


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_signal_while_an_epoch_is_saved_stops_before_the_next(
    tmp_path, manifest, whole_run, epoch
):
    run = Run(tmp_path, manifest, [0.5, 0.6])
    save = run.checkpoints.save

    def save_and_press(progress):
        save(progress)
        if progress.epoch == epoch:
            press(signal.SIGINT)

    run.checkpoints.save = save_and_press
    with pytest.raises(Interrupted, match=f"after step {18 * epoch}, and saved"):
        run.train()
    again = start_again(tmp_path, manifest, [0.6])
    assert again.checkpoints.restore().epoch == epoch
    assert_goes_on_to_the_same_end(again, whole_run())


def test_a_worker_stops_with_another_that_was_asked_while_it_measured(
    tmp_path, manifest
):
    run = Run(tmp_path, manifest)
    with pytest.raises(Interrupted, match="after step 18, and saved"):
        run.train(gather=lambda number: [number, 1])
    assert run.checkpoints.restore().epoch == 1


def test_an_epoch_whose_end_was_not_saved_is_in_the_history_once(
    tmp_path, manifest, whole_run
):
    run = Run(tmp_path, manifest, [0.5], checkpoint_minutes=0.0)
    save = run.checkpoints.save

    def fail_at_the_end(progress):
        if progress.epoch == 1:
            raise RuntimeError("power failure")
        save(progress)

    run.checkpoints.save = fail_at_the_end
    with pytest.raises(RuntimeError, match="power failure"):
        run.train()
    again = start_again(tmp_path, manifest, [0.5, 0.6])
    assert again.checkpoints.restore().step == 18
    assert_goes_on_to_the_same_end(again, whole_run())
