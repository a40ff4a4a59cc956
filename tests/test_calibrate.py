"""What is measured decides how training runs; what can't be keeps the default."""

import dataclasses
import os
import sys
import time

import pytest
from tuned_machine import HARDWARE

from bert_cpu.calibration import calibrate as module
from bert_cpu.calibration.calibrate import SMALL_ENCODER, calibrate
from bert_cpu.calibration.measure_training import measure_training
from bert_cpu.calibration.tensorflow_process import (
    TensorFlowFailed,
    TensorFlowProcess,
)
from bert_cpu.errors import UserError

# By flags, HARDWARE trains in bfloat16 with 8 threads.
USUAL = {("float32", 8): 2.0, ("bfloat16", 8): 1.0}


class FakeProcess:
    """Answers at once what TensorFlow would take."""

    def __init__(self, threads, steps, products=(1.0, 0.5), fails=None):
        self.threads = threads
        self._steps = steps
        self._products = dict(zip(("float32", "bfloat16"), products, strict=True))
        self._fails = fails

    closed = False

    def close(self):
        self.closed = True

    def begin(self, what, *, dtype, **_):
        self._begun = (what, dtype)

    def wait(self, deadline):
        return self.ask(self._begun[0], deadline, dtype=self._begun[1])

    def ask(self, what, deadline, *, dtype, **_):
        if (what, dtype) == self._fails:
            raise TensorFlowFailed("TensorFlow's process ended")
        if what == "product_seconds":
            return self._products[dtype]
        return self._steps[dtype, self.threads]


def measured(steps, threads=(8, 4), **options):
    processes = [FakeProcess(count, steps, **options) for count in threads]
    return measure_training(HARDWARE, processes, {}, 2, 8, time.monotonic() + 5)


def taken(steps, **options):
    training = measured(steps, **options).training
    return training.dtype, training.threads


HALF = {("float32", 4): 3.0, ("bfloat16", 4): 3.0}


def test_the_default_stays_where_it_is_fastest():
    found = measured(USUAL | HALF)
    assert (found.training.dtype, found.training.threads) == ("bfloat16", 8)
    assert found.training.why == (
        "bfloat16 is taken: its steps are 2.00 times as fast as float32's here"
    )
    assert len(found.rows) == 4
    assert found.findings[-1].startswith("Training: bfloat16, 8 threads, 1.00 times")


def test_bfloat16_is_refused_where_it_is_slower_and_that_is_said():
    slow = USUAL | HALF | {("bfloat16", 8): 2.5}
    found = measured(slow)
    assert (found.training.dtype, found.training.threads) == ("float32", 8)
    assert "bfloat16 is refused: its steps are 0.80 times as fast" in found.findings[-1]


def test_fewer_threads_are_taken_where_they_are_faster():
    assert taken(USUAL | HALF | {("bfloat16", 4): 0.5}) == ("bfloat16", 4)


def test_emulated_bfloat16_is_refused_by_its_products_and_never_trained_with():
    found = measured(
        {("float32", 8): 1.0, ("float32", 4): 2.0},  # A step in bfloat16: KeyError.
        products=(1.0, 20.0),
    )
    assert (found.training.dtype, found.training.threads) == ("float32", 8)
    assert "refused: its matrix products take 20.0 times" in found.training.why


def test_what_fails_before_it_is_measured_keeps_the_default_and_says_so():
    found = measured(USUAL, fails=("prepare_step", "float32"))
    assert found.training is None
    assert found.findings[0] == "Training steps: TensorFlow's process ended."
    assert found.findings[1].startswith("Training keeps its default (bfloat16, 8")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_fails_beside_the_default_is_left_out(dtype):
    default = FakeProcess(8, USUAL)
    other = FakeProcess(4, HALF, fails=("prepare_step", dtype))
    end = time.monotonic() + 5
    found = measure_training(HARDWARE, [default, other], {}, 2, 8, end)
    assert (found.training.dtype, found.training.threads) == ("bfloat16", 8)
    assert len(found.rows) == 2
    assert other.closed
    assert not default.closed


def test_no_time_keeps_the_default():
    end = time.monotonic() - 1
    found = measure_training(HARDWARE, [FakeProcess(8, USUAL)], {}, 2, 8, end)
    assert found.training is None
    assert "0 rounds could be measured" in found.findings[-1]


def test_too_little_memory_is_said(monkeypatch):
    poor = dataclasses.replace(HARDWARE, memory_available=1_000_000)
    with pytest.raises(UserError, match="but 1 MB are available. Close"):
        calibrate(poor)


def test_one_process_is_measured_where_two_do_not_fit():
    hardware = dataclasses.replace(HARDWARE, memory_available=1_300_000_000)
    assert module._thread_counts(HARDWARE, SMALL_ENCODER) == [8, 4]
    assert module._thread_counts(hardware, SMALL_ENCODER) == [8]
    one_core = dataclasses.replace(HARDWARE, cores=1)
    assert module._thread_counts(one_core, SMALL_ENCODER) == [1]


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Starts a program in place of TensorFlow's work."""

    def start(program):
        (tmp_path / "bert_cpu").mkdir(exist_ok=True)
        script = tmp_path / "work.py"
        script.write_text(program)
        popen = module.TensorFlowProcess.__init__.__globals__["subprocess"].Popen
        monkeypatch.setattr(
            "bert_cpu.calibration.tensorflow_process.subprocess.Popen",
            lambda command, **options: popen([sys.executable, str(script)], **options),
        )
        return TensorFlowProcess(HARDWARE, 3)

    return start


ECHO = """
import json, os, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    if asked["what"] == "sleep":
        time.sleep(asked["arguments"]["seconds"])
    if asked["what"] == "end":
        sys.exit()
    if asked["what"] == "fail":
        print(json.dumps({"number": asked["number"], "error": "ValueError: no"}))
    else:
        found = [asked["what"], os.environ["TF_NUM_INTEROP_THREADS"]]
        print(json.dumps({"number": asked["number"], "result": found}))
    sys.stdout.flush()
"""


def test_a_process_is_asked_with_its_threads_and_late_answers_are_dropped(work):
    with work(ECHO) as process:
        assert process.ask("a", time.monotonic() + 20) == ["a", "3"]
        with pytest.raises(TensorFlowFailed, match="longer than the time"):
            process.ask("sleep", time.monotonic() + 0.1, seconds=0.5)
        assert process.ask("b", time.monotonic() + 20) == ["b", "3"]
        with pytest.raises(TensorFlowFailed, match="ValueError: no"):
            process.ask("fail", time.monotonic() + 20)
        for _ in range(2):
            with pytest.raises(TensorFlowFailed, match="process ended"):
                process.ask("end", time.monotonic() + 20)
        number = process._process.pid
        process.close()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
