"""A run has a good state at every moment, whenever it is killed while it saves one."""

import functools
import itertools
import json
import shutil
import types

import pytest
from dying import (
    is_cut_off_at_operation,
    is_killed_at_byte,
    is_killed_at_call,
    is_killed_at_operation,
)
from small_state import (
    assert_same,
    make_checkpoints,
    make_variables,
    names_in,
    values_of,
)

from bert_cpu.training import checkpoint as checkpoint_module
from bert_cpu.training.checkpoint import Checkpoints, Progress, has_checkpoint

# Steps. The next state is the one that is being saved.
OLDEST, BEFORE, NEXT, LATER = 5, 7, 9, 11


@functools.cache
def state_of(step):
    """The values that were saved at a step."""
    return values_of(make_variables(step))


class Case:
    """A directory with states, and the next one to come."""

    def __init__(self, directory, keep=2, steps=(OLDEST, BEFORE)):
        self.template = directory / f"template-{keep}"
        self.directory = directory / "checkpoints"
        self.keep = keep
        self.steps = steps
        self.next = state_of(NEXT)
        self.template.mkdir()
        for step in steps:
            variables = make_variables(step)
            checkpoints = make_checkpoints(self.template, variables, keep=keep)
            checkpoints.save_best(step)
            checkpoints.save(Progress(step))
        # Of a process that was killed once before.
        (self.template / "step-00000008.safetensors").write_bytes(b"of a kill")
        (self.template / ".step-00000008.json.1.partial").write_bytes(b"of a kill")

    def sweep(self, is_killed, numbers):
        """Saves, and is killed once at each number until one is not reached.

        Gives the step that each left behind.
        """
        left = []
        for number in numbers:
            shutil.rmtree(self.directory, ignore_errors=True)
            shutil.copytree(self.template, self.directory)
            was_killed = is_killed(self.save_next, number)
            left.append(self.restored_step())
            if not was_killed:
                break
        return left

    def save_next(self):
        """What a run does at the end of an epoch, without TensorFlow's threads."""
        checkpoint_module.tf = types.SimpleNamespace(convert_to_tensor=lambda v: v)
        checkpoints = Checkpoints(
            self.directory, self.next, self.next[:2], "a" * 64, keep=self.keep
        )
        checkpoints.save_best(NEXT)
        checkpoints.save(Progress(NEXT))

    def restored_step(self):
        """The step of the newest state, which is whole; the run goes on from it."""
        if not self.steps and not has_checkpoint(self.directory):
            return None  # The run had not begun.
        assert has_checkpoint(self.directory)
        variables, said = make_variables(0), []
        checkpoints = make_checkpoints(self.directory, variables, keep=self.keep)
        step = checkpoints.restore(said.append).step
        assert said == []
        assert step in (*self.steps[-1:], NEXT)
        assert_same(variables, state_of(step))
        for variable in variables[:2]:
            variable.assign(variable * 0)
        checkpoints.restore_best()
        assert_same(variables[:2], state_of(step)[:2])
        self._go_on(checkpoints, variables, step)
        return step

    def _go_on(self, checkpoints, variables, step):
        for variable, value in zip(variables, state_of(LATER), strict=True):
            variable.assign(value)
        checkpoints.save(Progress(LATER))
        others = make_variables(0)
        again = make_checkpoints(self.directory, others, keep=self.keep)
        assert again.restore() == Progress(LATER)
        assert_same(others, state_of(LATER))
        kept = sorted({*self.steps, step, LATER})[-self.keep :]
        # The best weights that they know of, and nothing else.
        best = {min(each, step) for each in kept}
        assert names_in(self.directory) == sorted(
            [
                *(f"best-{each:08d}.safetensors" for each in best),
                *(f"step-{each:08d}.json" for each in kept),
                *(f"step-{each:08d}.safetensors" for each in kept),
            ]
        )


def assert_each_is_before_or_next(left, least, before=BEFORE):
    """First the one before, from some moment on the next, and both were seen."""
    assert len(left) >= least
    assert left == sorted(left, key=lambda step: step or 0)
    assert set(left) == {before, NEXT}


@pytest.mark.parametrize("is_killed", [is_killed_at_operation, is_cut_off_at_operation])
@pytest.mark.parametrize("keep", [1, 2])
def test_a_kill_at_any_operation_leaves_the_state_before_or_the_next(
    tmp_path, is_killed, keep
):
    case = Case(tmp_path, keep)
    left = case.sweep(
        functools.partial(is_killed, directory=case.directory), itertools.count()
    )
    # Three files written, each flushed, renamed, and flushed in its directory, and
    # two or more deleted.
    assert_each_is_before_or_next(left, 3 * 3 + 2)


def test_a_kill_at_any_operation_of_the_first_save_leaves_a_state_or_none(tmp_path):
    case = Case(tmp_path, steps=())
    left = case.sweep(
        functools.partial(is_killed_at_operation, directory=case.directory),
        itertools.count(),
    )
    assert_each_is_before_or_next(left, 3 * 3 + 2, before=None)


@pytest.mark.parametrize("stride", [97, pytest.param(5, marks=pytest.mark.faults)])
def test_a_kill_within_a_file_leaves_the_state_before(tmp_path, stride):
    case = Case(tmp_path)
    case.sweep(is_killed_at_byte, [1 << 30])  # It is not reached.
    size = max(path.stat().st_size for path in case.directory.glob("step-*9.*"))
    left = case.sweep(is_killed_at_byte, range(0, size + stride, stride))
    # Its description, the last file to be written, is the longest one.
    assert_each_is_before_or_next(left, size // stride)
    assert left.count(NEXT) == 1


@pytest.mark.faults
@pytest.mark.parametrize("keep", [1, 2])
def test_a_kill_at_any_system_call_leaves_the_state_before_or_the_next(tmp_path, keep):
    left = Case(tmp_path, keep).sweep(is_killed_at_call, itertools.count())
    # More than all operations, each of which is a call with a beginning and an end.
    assert_each_is_before_or_next(left, 100)


def test_what_was_killed_within_a_file_was_really_half_written(tmp_path):
    """The kill itself: without it the tests above would hold of any code."""
    case = Case(tmp_path)
    shutil.copytree(case.template, case.directory)
    # More than the tensors take, for which safetensors makes room before it writes.
    assert is_killed_at_byte(case.save_next, 800)
    (partial,) = case.directory.glob(f".step-*{NEXT}.json.*.partial")
    assert partial.stat().st_size == 800
    with pytest.raises(json.JSONDecodeError):
        json.loads(partial.read_text())
