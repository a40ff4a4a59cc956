"""Steps find XLA's programs where a thread has made them."""

import os
import pathlib
import subprocess
import sys
import threading
import types

import pytest
import tensorflow as tf
import tiny_bundle
from transformers import BertConfig

from bert_cpu.models.encoder import build_encoder
from bert_cpu.training import compile_ahead
from bert_cpu.training.compile_ahead import CompileAhead

HERE = pathlib.Path(__file__).resolve().parent


@pytest.mark.parametrize(
    "dtype, reads",
    [
        ("bfloat16", "first"),
        pytest.param("float32", "all", marks=pytest.mark.slow),
    ],
)
def test_steps_compile_nothing_that_was_compiled_ahead(dtype, reads):
    run = subprocess.run(
        [sys.executable, HERE / "compiling_ahead.py", dtype, reads],
        env=os.environ
        | {
            "TF_CPP_VMODULE": "device_compiler=2",
            "TF_CPP_MIN_LOG_LEVEL": "0",
            "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)]),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    before, _, steps = run.stderr.partition("STEPS\n")
    steps, _, unknown = steps.partition("NEW\n")
    told = "Compilation of XLA executable time"
    assert told in before
    assert told not in steps
    assert told in unknown


def an_ahead(lengths):
    encoder = build_encoder(BertConfig(**tiny_bundle.CONFIG), 0.1)
    return CompileAhead(encoder, [2], lengths, 20, False)


def test_the_lengths_of_most_windows_come_first(monkeypatch):
    done = []
    monkeypatch.setattr(
        compile_ahead,
        "make_compile_block",
        lambda block: (
            lambda tokens: None,
            lambda examples, length: done.append((int(examples), int(length))),
        ),
    )
    ahead = an_ahead({3: 1, 6: 1, 8: 1, 9: 1, 14: 3, 18: 1})
    ahead.start()
    ahead._thread.join()
    assert done == [(2, 16), (2, 8), (2, 4), (2, 12), (2, 20)]


def test_it_stops_with_training_after_what_it_has_begun(monkeypatch):
    begun, goes_on, done = threading.Event(), threading.Event(), []

    def compile_attention(examples, length):
        begun.set()
        goes_on.wait(10)
        done.append(int(length))

    monkeypatch.setattr(
        compile_ahead,
        "make_compile_block",
        lambda block: (lambda tokens: None, compile_attention),
    )
    ahead = an_ahead({8: 2, 16: 1})
    ahead.start()
    begun.wait(10)
    stopping = threading.Thread(target=ahead.stop)
    stopping.start()
    goes_on.set()
    stopping.join(10)
    assert done == [8]
    assert not ahead._thread.is_alive()


def test_no_weight_and_no_seed_changes():
    encoder = build_encoder(BertConfig(**tiny_bundle.CONFIG), 0.1)
    before = [v.numpy() for v in encoder.variables]
    ahead = CompileAhead(encoder, [2], {8: 1}, 20, True)
    ahead.start()
    ahead._thread.join()
    for variable, value in zip(encoder.variables, before, strict=True):
        tf.debugging.assert_equal(variable.value, value)


def test_a_mistake_is_left_to_the_steps(recwarn):
    model = types.SimpleNamespace(_flatten_layers=list)  # Without a block.
    ahead = CompileAhead(model, [2], {8: 1}, 8, False)
    ahead.start()
    ahead._thread.join()
    # Pytest would warn of what a thread raised.
    assert not [each for each in recwarn if "thread" in str(each.message).lower()]
