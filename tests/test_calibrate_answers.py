"""What is measured decides how texts are answered."""

import time

import pytest
from tuned_machine import HARDWARE

from bert_cpu.calibration import measure_answering as answering_module
from bert_cpu.calibration.measure_answering import measure_answering


class FakeInterpreter:
    """Takes what `PACE` says, in units that `_run_seconds` reads."""

    opened = 0

    def __init__(self, path, buckets, threads):
        FakeInterpreter.opened += 1
        self.path, self.buckets, self.threads = path, tuple(buckets), threads


@pytest.fixture
def paced(monkeypatch, tmp_path):
    """Measures answers that take what `pace(variant, threads, length)` says."""

    def measure(pace, many=lambda instances, threads: 1.0, middles=1.0):
        def seconds(interpreter, length):
            variant, count = interpreter.path.stem.split("-")
            factor = middles if count == "7" else 1.0
            return factor * pace(variant, interpreter.threads, length)

        monkeypatch.setattr(
            answering_module, "BucketedInterpreter", globals()["FakeInterpreter"]
        )
        monkeypatch.setattr(answering_module, "_run_seconds", seconds)
        monkeypatch.setattr(
            answering_module,
            "_many_way",
            lambda pool, lengths: lambda: (many(pool.instances, pool.threads),),
        )
        files = {}
        for count in (4, 7):
            for variant in ("float32", "int8"):
                path = tmp_path / f"{variant}-{count}.tflite"
                path.write_bytes(b"1234")
                files[variant, count] = path
        return measure_answering(
            HARDWARE,
            {variant: files[variant, 4] for variant in ("float32", "int8")},
            [2, 4, 8, 16],
            files["int8", 7],
            [2, 3, 4, 6, 8, 12, 16],
            time.monotonic() + 3,
        )

    return measure


def usual_pace(variant, threads, length):
    return length * (2.0 if variant == "float32" else 1.0) / threads


def test_answers_keep_their_default_where_it_is_fastest(paced):
    found = paced(usual_pace, lambda instances, threads: 1.0 / instances)
    answering = found.answering
    assert (answering.threads, answering.instances, answering.threads_each) == (8, 8, 1)
    assert not answering.refuses_int8
    assert "int8 is kept: its answers come 2.00 times as fast" in found.findings[0]
    whats = {row["what"] for row in found.rows}
    assert len(whats) == 3


def test_int8_is_refused_where_it_is_slower_and_that_is_said(paced):
    def pace(variant, threads, length):
        return usual_pace(
            "int8" if variant == "float32" else "float32", threads, length
        )

    found = paced(pace)
    assert found.answering.refuses_int8
    assert "int8 is refused: its answers come 0.50 times as fast" in found.findings[0]


def test_threads_and_interpreters_are_those_that_were_fastest(paced):
    def pace(variant, threads, length):
        return usual_pace(variant, 8 if threads == 4 else 1, length)

    found = paced(pace, lambda instances, threads: 0.5 if instances == 2 else 1.0)
    answering = found.answering
    assert (answering.threads, answering.instances, answering.threads_each) == (4, 2, 4)


def test_middle_lengths_are_left_out_where_they_only_cost(paced, monkeypatch):
    """Opening takes longer with them, and no text is answered faster."""

    class SlowToOpen(FakeInterpreter):
        def __init__(self, path, buckets, threads):
            super().__init__(path, buckets, threads)
            time.sleep(0.001 * len(buckets) if self.is_slow else 0.02 / len(buckets))

    for is_slow, middles, expected in (
        (True, 1.0, False),
        (True, 0.5, True),
        (False, 1.0, True),
    ):
        SlowToOpen.is_slow = is_slow
        with monkeypatch.context() as patch:
            patch.setitem(globals(), "FakeInterpreter", SlowToOpen)
            found = paced(usual_pace, middles=middles)
        assert found.answering.middle_lengths is expected
