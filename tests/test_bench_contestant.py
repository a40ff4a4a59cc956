"""Contestants are processes that answer, or that fail by name and in time."""

import os
import pathlib
import sys
import time

import pytest

from bench.contestant import Contestant, ContestantFailed, contestant_environment

CORES = sorted(os.sched_getaffinity(0))[:1]


@pytest.fixture
def start(tmp_path):
    """Starts fakes, and ends them."""
    started = []

    def start(**given):
        contestant = Contestant(
            "fake",
            sys.executable,
            "fake_contestant",
            CORES,
            tmp_path / "fake.log",
            [str(pathlib.Path(__file__).parent)],
        )
        started.append(contestant)
        contestant.ask("prepare", 30, given=given)
        return contestant

    yield start
    for contestant in started:
        contestant.close()


def test_a_run_answers_its_amount_and_its_time(start):
    answer = start(seconds=0.05, extras={"accuracy": 0.5}).ask("run", 30, count=3)
    assert answer["amount"] == 3
    assert 0.15 <= answer["seconds"] < 5
    assert answer["extras"] == {"accuracy": 0.5}


def test_a_check_answers_what_was_computed(start):
    assert start(results={"logits": [1.5]}).ask("check", 30) == {
        "results": {"logits": [1.5]}
    }


def test_a_contestant_stays_on_its_cores(start):
    contestant = start()
    pid = contestant._process.pid
    assert sorted(os.sched_getaffinity(pid)) == CORES


def test_one_that_dies_is_named_with_its_last_words(start):
    contestant = start(dies_in_run=1)
    message = r"fake died when asked to run \(exit code 7\): out of luck"
    with pytest.raises(ContestantFailed, match=message):
        contestant.ask("run", 30, count=1)


def test_an_exception_is_an_answer_and_not_the_end(start):
    contestant = start(raises=True)
    with pytest.raises(
        ContestantFailed, match="^fake can't run: ValueError: a bad day"
    ):
        contestant.ask("run", 30, count=1)
    assert contestant.ask("check", 30) == {"results": {}}


def test_a_deadline_is_kept_and_the_process_ended(start):
    contestant = start(seconds=60)
    began = time.monotonic()
    with pytest.raises(ContestantFailed, match=r"^fake did not run within 0\.3 s$"):
        contestant.ask("run", 0.3, count=1)
    assert time.monotonic() - began < 5
    assert contestant._process.poll() is not None


def test_one_that_waits_uses_no_processor(start):
    contestant = start()
    before = contestant.cpu_seconds()
    time.sleep(0.2)
    assert contestant.cpu_seconds() - before <= 0.02
    assert contestant.peak_memory_mb() > 1


def test_nothing_is_tuned_but_the_threads():
    kept = contestant_environment(
        {"KMP_BLOCKTIME": "0", "TF_X": "1", "LD_PRELOAD": "x.so", "HOME": "/h"}, 2
    )
    assert not {"KMP_BLOCKTIME", "TF_X", "LD_PRELOAD"} & set(kept)
    assert (kept["HOME"], kept["OMP_NUM_THREADS"]) == ("/h", "2")
