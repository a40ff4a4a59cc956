"""What is measured decides what is taken; what can't be measured keeps the default."""

import dataclasses
import errno
import json
import logging
import os
import sys
import time

import pytest
import tiny_bundle
import tiny_model
from tiny_command import DATA, bert_cpu, succeed, write_alphabet_encoder
from tuned_machine import HARDWARE, TUNED

from bert_cpu.calibration import calibrate as module
from bert_cpu.calibration import measure_answering as answering_module
from bert_cpu.calibration.calibrate import SMALL_ENCODER, calibrate
from bert_cpu.calibration.measure_answering import measure_answering
from bert_cpu.calibration.measure_training import measure_training
from bert_cpu.calibration.tensorflow_process import (
    TensorFlowFailed,
    TensorFlowProcess,
)
from bert_cpu.commands import hardware as hardware_command
from bert_cpu.commands.start_tensorflow import start_tensorflow
from bert_cpu.errors import UserError
from bert_cpu.export.compare import choose
from bert_cpu.hardware.answering import Answering
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.machine import describe_machine
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.hardware.tuned_profile import TunedProfile
from bert_cpu.serving.answer import open_model
from bert_cpu.serving.fitting_instances import fitting_instances

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


def test_the_command_measures_writes_and_shows(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("BERT_CPU_CACHE", str(cache))
    given = []
    machine = describe_machine(read_hardware())

    def fake(hardware, shape, log):
        given.append(shape)
        cores = hardware.cores
        answering = dataclasses.replace(
            TUNED.answering, threads=cores, instances=1, threads_each=1
        )
        training = dataclasses.replace(TUNED.training, threads=cores)
        return dataclasses.replace(
            TUNED, machine=machine, answering=answering, training=training
        )

    monkeypatch.setattr(module, "calibrate", fake)
    outcome = succeed("hardware", "--tune", "--json")
    assert f"Wrote '{cache / 'tuned.json'}'" in outcome.err
    answer = json.loads(outcome.out)
    assert answer["tuned"]["measured_at"] == TUNED.measured_at
    assert answer["tuned_ignored"] is None
    assert answer["answering"]["refuses_int8"] is True
    assert answer["profile"]["dtype"] == "float32"
    assert given == [SMALL_ENCODER]

    shown = succeed("hardware").out
    assert "measured      2026-01-02 03:04:05 UTC, in 41 s" in shown
    assert "float32, " in shown.partition("will use")[2].splitlines()[0]

    (cache / "tuned.json").write_text("{")
    assert "tuned.json' is not JSON" in succeed("hardware").out
    assert json.loads(succeed("hardware", "--json").out)["tuned"] is None


def test_measuring_without_tensorflow_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("BERT_CPU_CACHE", str(tmp_path))
    monkeypatch.setattr(hardware_command.importlib.util, "find_spec", lambda name: None)
    outcome = bert_cpu("hardware", "--tune")
    assert outcome.code == 2
    assert "TensorFlow is not installed. Install it with" in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_cache_that_can_not_keep_it_is_said_before_a_minute_goes_by(
    tmp_path, monkeypatch
):
    measured = []
    monkeypatch.setattr(module, "calibrate", lambda *_, **__: measured.append(1))
    (tmp_path / "tuned.json").mkdir()
    monkeypatch.setenv("BERT_CPU_CACHE", str(tmp_path))
    outcome = bert_cpu("hardware", "--tune")
    assert outcome.code == 2
    assert outcome.err.startswith(
        f"bert-cpu: '{tmp_path / 'tuned.json'}' can't be written (Is a directory). "
        "Mend it, or set BERT_CPU_CACHE to a directory that can."
    )
    (tmp_path / "tuned.json").rmdir()

    def refuse(dir):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), dir / "x")

    # Root, as in a container, is refused nothing.
    monkeypatch.setattr(hardware_command.tempfile, "TemporaryFile", refuse)
    outcome = bert_cpu("hardware", "--tune")
    assert outcome.code == 2
    assert "tuned.json' can't be written (Permission denied)" in outcome.err
    assert not measured


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "tiny"
    tiny_model.write_model(directory / "tflite", tiny_bundle.random_weights(seed=3))
    tiny_model.edit_model(directory / "tflite", chosen="int8")
    return directory


def test_answering_takes_float32_where_int8_is_refused(run_dir, tmp_path):
    refusing = Answering(1, 1, 1, refuses_int8=True)
    assert open_model(run_dir, 1).variant == "int8"
    assert open_model(run_dir, answering=refusing).variant == "float32"
    assert open_model(run_dir, 1, "int8", refusing).variant == "int8"


def test_conversion_takes_float32_where_int8_is_refused():
    variants = [
        {"name": "float32", "latency_ms": {"16": 2.0}, "accuracy": 0.9},
        {"name": "int8", "latency_ms": {"16": 1.0}, "accuracy": 0.9},
    ]
    assert choose(variants, "accuracy")[0] == "int8"
    name, why = choose(variants, "accuracy", refuses_int8=True)
    assert name == "float32"
    assert why == (
        "int8 is slower on this machine, as `bert-cpu hardware --tune` measured."
    )


def test_interpreters_are_as_many_as_half_of_the_memory_holds(run_dir):
    model = open_model(run_dir, 1)
    each = (run_dir / "tflite" / "int8.tflite").stat().st_size * 2  # Two signatures.
    assert model.interpreter_bytes == each
    assert fitting_instances(model, 8, 6 * each) == 3
    assert fitting_instances(model, 2, 6 * each) == 2
    assert fitting_instances(model, 8, each) == 1


def test_predict_says_that_a_profile_is_ignored_and_answers(
    run_dir, tmp_path, monkeypatch
):
    TUNED.save(tmp_path / "tuned.json")
    texts = tmp_path / "texts.txt"
    texts.write_text("a quiet film\n\nlovely\n" * 20)
    monkeypatch.setenv("BERT_CPU_CACHE", str(tmp_path / "none"))
    plain = succeed("predict", run_dir, "--file", texts, "--threads", "1")
    assert plain.err == ""
    cores = str(read_hardware().cores)
    side_by_side = succeed("predict", run_dir, "--file", texts, "--instances", cores)
    assert side_by_side.out == plain.out
    monkeypatch.setenv("BERT_CPU_CACHE", str(tmp_path))
    warned = succeed("predict", run_dir, "--file", texts)
    assert warned.out == plain.out
    assert "is ignored: it was measured with processor A Processor" in warned.err
    assert warned.err.count("\n") == 1


@pytest.fixture
def other_dtype(tmp_path, monkeypatch):
    """A cache whose profile holds here, with another dtype than the default's."""
    hardware = read_hardware()
    usual = choose_profile(hardware).dtype
    dtype = "float32" if usual == "bfloat16" else "bfloat16"
    training = dataclasses.replace(TUNED.training, dtype=dtype, threads=1)
    tuned = dataclasses.replace(
        TUNED, machine=describe_machine(hardware), training=training, answering=None
    )
    tuned.save(tmp_path / "cache" / "tuned.json")
    monkeypatch.setenv("BERT_CPU_CACHE", str(tmp_path / "cache"))
    return dtype


def test_tensorflow_tells_of_no_file_that_it_writes(other_dtype, monkeypatch):
    for name in choose_profile(HARDWARE).environment():
        monkeypatch.setenv(name, "as it was")
    logger = logging.getLogger("tensorflow")
    logger.setLevel("INFO")  # As it sets it itself under a prompt or in a notebook.
    start_tensorflow()
    assert not logger.isEnabledFor(logging.INFO)
    assert logger.isEnabledFor(logging.WARNING)


def test_tensorflow_starts_with_the_threads_that_were_measured(
    other_dtype, tmp_path, monkeypatch
):
    for name in choose_profile(HARDWARE).environment():
        monkeypatch.setenv(name, "as it was")
    assert start_tensorflow() is None
    assert os.environ["TF_NUM_INTEROP_THREADS"] == "1"
    assert start_tensorflow(threads=3) is None
    assert os.environ["TF_NUM_INTEROP_THREADS"] == "3"
    # Processes that train together compute alike, whatever was measured for one.
    start_tensorflow(is_alone=False)
    expected = str(choose_profile(read_hardware()).threads)
    assert os.environ["TF_NUM_INTEROP_THREADS"] == expected
    TUNED.save(tmp_path / "cache" / "tuned.json")
    assert "is ignored: it was measured with processor" in start_tensorflow()


@pytest.mark.slow
def test_training_takes_the_dtype_that_was_measured(other_dtype, tmp_path):
    encoder = write_alphabet_encoder(tmp_path / "encoder")
    given = ("--data", DATA / "reviews_en.csv", "--encoder", encoder, "--epochs", "1")
    for name, options, dtype in (
        ("measured", (), other_dtype),
        ("asked", ("--dtype", "float32"), "float32"),
    ):
        where = ("--runs-dir", tmp_path, "--name", name, "--max-length", "24")
        succeed("train", *given, *where, *options)
        metrics = json.loads((tmp_path / name / "metrics.json").read_text())
        assert json.dumps(metrics).count(f'"dtype": "{dtype}"') == 1


@pytest.mark.slow
def test_the_real_thing_measures_every_part(tmp_path):
    """Tiny shapes; far more time than it needs, since other tests may be running."""
    shape = SMALL_ENCODER | {"hidden_size": 64, "num_attention_heads": 4}
    shape |= {"intermediate_size": 128, "vocab_size": 100}
    lines = []
    profile = calibrate(read_hardware(), shape, 240.0, lines.append)
    assert profile.seconds < 245
    assert profile.training is not None, profile.findings
    assert profile.answering is not None, profile.findings
    assert len({row["what"] for row in profile.measurements}) == 4
    assert all(
        0 < row["low"] <= row["median"] <= row["high"] for row in profile.measurements
    )
    profile.save(tmp_path / "tuned.json")
    assert TunedProfile.load(tmp_path / "tuned.json") == profile
    assert len(lines) == 2
