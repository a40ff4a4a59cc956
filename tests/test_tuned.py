"""`hardware --tune` measures and writes, and commands read what was measured."""

import dataclasses
import errno
import json
import logging
import os

import pytest
import tiny_bundle
import tiny_model
from tiny_command import DATA, bert_cpu, succeed, write_alphabet_encoder
from tuned_machine import HARDWARE, TUNED

from bert_cpu.calibration import calibrate as module
from bert_cpu.calibration.calibrate import SMALL_ENCODER, calibrate
from bert_cpu.commands import hardware as hardware_command
from bert_cpu.commands.start_tensorflow import start_tensorflow
from bert_cpu.export.compare import choose
from bert_cpu.hardware.answering import Answering
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.machine import describe_machine
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.hardware.tuned_profile import TunedProfile
from bert_cpu.serving.answer import open_model
from bert_cpu.serving.fitting_instances import fitting_instances


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
