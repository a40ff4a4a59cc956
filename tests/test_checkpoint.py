"""A run's state on disk: exact, checked, small, and never half written."""

import dataclasses
import errno
import json

import keras
import numpy as np
import pytest
import safetensors.numpy

from bert_cpu import storage
from bert_cpu.errors import UserError
from bert_cpu.training.checkpoint import Checkpoints, Progress, has_checkpoint


def make_variables(seed):
    """A table, a counter, a generator's state and two weights of a model."""
    random = np.random.default_rng(seed)
    return [
        keras.Variable(random.normal(size=(4, 3)).astype("float32"), name="kernel"),
        keras.Variable(random.normal(size=(3,)).astype("float32"), name="bias"),
        keras.Variable(random.integers(0, 2**32, 2), dtype="uint32", name="state"),
        keras.Variable(seed * 100, dtype="int64", name="iterations"),
    ]


def make_checkpoints(directory, variables, sha256="a" * 64):
    return Checkpoints(directory, variables, variables[:2], sha256)


def values_of(variables):
    return [np.array(variable.numpy()) for variable in variables]


def assert_same(variables, values):
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


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


def test_only_the_last_state_and_the_best_weights_are_kept(directory):
    variables = make_variables(1)
    checkpoints = make_checkpoints(directory, variables)
    for step in (0, 5, 123_456_789):
        checkpoints.save_best()
        checkpoints.save(Progress(step))
    assert sorted(path.name for path in directory.iterdir()) == [
        "best.safetensors",
        "latest.json",
        "step-123456789.safetensors",
    ]
    best = safetensors.numpy.load_file(directory / "best.safetensors")
    assert_same(variables[:2], best.values())


def test_best_weights_come_back_and_nothing_else(directory):
    variables = make_variables(1)
    make_checkpoints(directory, variables).save_best()
    others = make_variables(2)
    rest = values_of(others)[2:]
    make_checkpoints(directory, others).restore_best()
    assert_same(others[:2], values_of(variables)[:2])
    assert_same(others[2:], rest)


def test_without_best_weights_the_last_ones_stay(directory, saved):
    others = make_variables(2)
    before = values_of(others)
    make_checkpoints(directory, others).restore_best()
    assert_same(others, before)


def test_a_flipped_bit_is_found(directory, saved):
    path = directory / "step-00000007.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"step-00000007.* was changed since.*--overw"):
        make_checkpoints(directory, make_variables(2)).restore()


def test_a_state_that_was_cut_off_or_deleted_is_refused(directory, saved):
    path = directory / "step-00000007.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"bytes, but [\d,]+ were written.*--overwrite"):
        make_checkpoints(directory, make_variables(2)).restore()
    path.unlink()
    with pytest.raises(UserError, match=r"is missing\. Start again with --overwrite"):
        make_checkpoints(directory, make_variables(2)).restore()


def test_a_damaged_best_is_refused(directory, saved):
    (directory / "best.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(UserError, match=r"best.*is not whole.*--overwrite"):
        make_checkpoints(directory, make_variables(2)).restore_best()


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
        (tmp_path / "latest.json").write_text(text)
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
    (directory / "step-00000009.safetensors").write_bytes(b"of a crash")
    make_checkpoints(directory, make_variables(3)).save(Progress(11))
    assert sorted(path.name for path in directory.glob("step-*")) == [
        "step-00000011.safetensors"
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


def test_a_description_that_points_elsewhere_is_refused(directory, saved):
    latest = json.loads((directory / "latest.json").read_text())
    entry = latest["files"].pop("step-00000007.safetensors")
    latest["files"]["../outside.safetensors"] = entry
    (directory / "latest.json").write_text(json.dumps(latest))
    with pytest.raises(UserError, match="is not a file of"):
        make_checkpoints(directory, make_variables(2)).restore()
