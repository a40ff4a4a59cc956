"""A run's state on disk: exact, small, and never half written."""

import dataclasses
import errno

import keras
import numpy as np
import pytest
import safetensors.numpy
from small_state import (
    assert_same,
    make_checkpoints,
    make_variables,
    names_in,
    values_of,
)

from bert_cpu import storage
from bert_cpu.errors import UserError
from bert_cpu.training.checkpoint import Progress, has_checkpoint


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "checkpoints"


@pytest.fixture
def saved(directory):
    """What was saved at step 7, by variables that are gone."""
    variables = make_variables(1)
    make_checkpoints(directory, variables).save(Progress(7))
    return values_of(variables)


def test_every_variable_and_all_progress_come_back_bit_for_bit(directory):
    names = [field.name for field in dataclasses.fields(Progress)]
    numbers = {name: number for number, name in enumerate(names, start=1)}
    # Numbers that would lose bits on the way.
    numbers |= {"epoch_loss": 0.1 + 0.2, "best_score": -2 / 3, "seconds": 1e-3}
    progress = Progress(**numbers)
    variables = make_variables(1)
    make_checkpoints(directory, variables).save(progress)
    others = make_variables(2)
    assert make_checkpoints(directory, others).restore() == progress
    assert_same(others, values_of(variables))


def test_the_last_states_and_their_best_weights_are_kept(directory):
    variables = make_variables(1)
    checkpoints = make_checkpoints(directory, variables)
    for step in (0, 5, 99, 123_456_789):
        if step < 99:
            checkpoints.save_best(step)
        checkpoints.save(Progress(step))
    assert names_in(directory) == [
        "best-00000005.safetensors",
        "step-00000099.json",
        "step-00000099.safetensors",
        "step-123456789.json",
        "step-123456789.safetensors",
    ]
    best = safetensors.numpy.load_file(directory / "best-00000005.safetensors")
    assert_same(variables[:2], best.values())


@pytest.mark.parametrize("keep", [1, 3])
def test_as_many_states_are_kept_as_were_asked_for(directory, keep):
    checkpoints = make_checkpoints(directory, make_variables(1), keep=keep)
    for step in range(5):
        checkpoints.save(Progress(step))
    kept = [f"step-{step:08d}.json" for step in range(5)[-keep:]]
    assert sorted(path.name for path in directory.glob("*.json")) == kept
    assert len(names_in(directory)) == 2 * keep


def test_best_weights_come_back_and_nothing_else(directory):
    variables = make_variables(1)
    checkpoints = make_checkpoints(directory, variables)
    checkpoints.save_best(3)
    expected = values_of(variables)
    for variable, other in zip(variables, make_variables(2), strict=True):
        variable.assign(other)
    checkpoints.save(Progress(4))
    others = make_variables(3)
    again = make_checkpoints(directory, others)
    again.restore()
    rest = values_of(others)[2:]
    again.restore_best()
    assert_same(others[:2], expected[:2])
    assert_same(others[2:], rest)


def test_without_best_weights_the_last_ones_stay(directory, saved):
    others = make_variables(2)
    checkpoints = make_checkpoints(directory, others)
    checkpoints.restore()
    checkpoints.restore_best()
    assert_same(others, saved)


def test_best_weights_that_no_state_knows_of_are_not_taken_for_the_best(directory):
    """A kill between the two: the run goes on to them once more, or elsewhere."""
    checkpoints = make_checkpoints(directory, make_variables(1))
    checkpoints.save_best(3)
    checkpoints.save(Progress(3, best_epoch=1))
    make_checkpoints(directory, make_variables(2)).save_best(7)
    others = make_variables(3)
    again = make_checkpoints(directory, others)
    assert again.restore().best_epoch == 1
    again.restore_best()
    assert_same(others, values_of(make_variables(1)))
    again.save(Progress(5))
    assert [path.name for path in directory.glob("best-*")] == [
        "best-00000003.safetensors"
    ]


def test_a_directory_without_a_state_is_said(directory):
    with pytest.raises(UserError, match=r"has no checkpoint\. Start again with --over"):
        make_checkpoints(directory, make_variables(2)).restore()


@pytest.mark.parametrize(
    "text, has",
    [
        (None, False),
        ("", False),
        ("[]", False),
        ('{"version": 2}', False),
        ('{"version": 1}', True),
    ],
)
def test_a_checkpoint_is_there_or_not(tmp_path, text, has):
    if text is not None:
        (tmp_path / "step-00000000.json").write_text(text)
    assert has_checkpoint(tmp_path) is has


def test_records_of_another_run_are_refused(directory, saved):
    others = make_checkpoints(directory, make_variables(2), sha256="b" * 64)
    with pytest.raises(UserError, match=r"records differ from those.*--overwrite"):
        others.restore()


@pytest.mark.parametrize("change", ["shape", "number"])
def test_a_state_of_another_model_is_refused(directory, saved, change):
    others = make_variables(2)
    if change == "shape":
        others[0] = keras.Variable(np.zeros((4, 5), "float32"))
    else:
        others.append(keras.Variable(0.0))
    with pytest.raises(UserError, match="belongs to another model or optimizer"):
        make_checkpoints(directory, others).restore()


@pytest.mark.parametrize("moment", ["tensors", "description", "rename"])
def test_a_crash_while_saving_leaves_the_state_before(
    directory, saved, moment, monkeypatch
):
    def crash(*arguments):
        raise RuntimeError("power failure")

    def write_half(tensors, path):
        path.write_bytes(b"half")
        crash()

    with monkeypatch.context() as patch:
        if moment == "tensors":
            patch.setattr(safetensors.numpy, "save_file", write_half)
        elif moment == "description":
            patch.setattr(storage, "write_json", crash)
        else:
            patch.setattr(storage.os, "replace", crash)
        with pytest.raises(RuntimeError, match="power failure"):
            make_checkpoints(directory, make_variables(3)).save(Progress(9))
    others = make_variables(2)
    assert make_checkpoints(directory, others).restore() == Progress(7)
    assert_same(others, saved)
    assert not list(directory.glob(".*"))


def test_what_a_crash_left_is_cleared_by_the_next_save(directory, saved):
    for name in ("step-00000009.safetensors", ".step-00000009.safetensors.1.partial"):
        (directory / name).write_bytes(b"of a crash")
    make_checkpoints(directory, make_variables(3)).save(Progress(11))
    assert names_in(directory) == [
        "step-00000007.json",
        "step-00000007.safetensors",
        "step-00000011.json",
        "step-00000011.safetensors",
    ]


def test_a_full_disk_is_said_and_keeps_the_state_before(directory, saved, monkeypatch):
    def fill(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(safetensors.numpy, "save_file", fill)
        with pytest.raises(UserError, match=r"The disk is full: .*step-00000009"):
            make_checkpoints(directory, make_variables(3)).save(Progress(9))
    others = make_variables(2)
    make_checkpoints(directory, others).restore()
    assert_same(others, saved)
