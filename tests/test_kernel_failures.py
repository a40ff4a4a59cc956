"""Where the kernel in C++ can't answer, LiteRT does, and the reason is told."""

import concurrent.futures
import contextlib
import ctypes
import os
import pathlib
import signal
import time

import numpy as np
import pytest
from kernel_models import BUCKETS, needs_kernel, open_both, outputs, write_model

from bert_cpu.native import built_library
from bert_cpu.native import encoder_delegate as native
from bert_cpu.runtime import bucketed_interpreter
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.tasks.classify import Classify


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("classifier"), Classify())


@needs_kernel
def test_more_threads_than_rows_are_no_mistake():
    assert native.encoder_delegate(2000) is not None


@needs_kernel
def test_threads_that_do_not_start_are_done_without(monkeypatch, classifier):
    path = classifier.files["int8"]
    expected = outputs(BucketedInterpreter(path, BUCKETS, 1), Classify(), 97)
    # LiteRT itself stays with one.
    monkeypatch.setattr(
        bucketed_interpreter, "encoder_delegate", lambda _: native.encoder_delegate(3)
    )
    with without_new_threads():
        interpreter = BucketedInterpreter(path, BUCKETS, 1)
        found = outputs(interpreter, Classify(), 97)
    np.testing.assert_array_equal(found, expected)


@contextlib.contextmanager
def without_new_threads():
    """The system refuses each: their stacks would be larger than any memory."""
    libc = ctypes.CDLL(None)
    attributes, size = ctypes.create_string_buffer(64), ctypes.c_size_t()
    assert libc.pthread_getattr_default_np(attributes) == 0
    libc.pthread_attr_getstacksize(attributes, ctypes.byref(size))
    try:
        libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(2**47))
        assert libc.pthread_setattr_default_np(attributes) == 0
        yield
    finally:
        libc.pthread_attr_setstacksize(attributes, size)
        assert libc.pthread_setattr_default_np(attributes) == 0


@needs_kernel
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_answers_and_closes(monkeypatch, classifier):
    """It has none of the threads that its parent started."""
    # LiteRT, which would wait for its own for ever, stays with one.
    monkeypatch.setattr(
        bucketed_interpreter, "encoder_delegate", lambda _: native.encoder_delegate(2)
    )
    interpreter = BucketedInterpreter(classifier.files["int8"], BUCKETS, 1)
    expected = outputs(interpreter, Classify(), 97)
    wait_until_others_sleep()
    child = os.fork()
    if child == 0:
        try:
            found = [outputs(interpreter, Classify(), 97)]
            # One of its own, whose thread may get the name of one of the parent's.
            own = BucketedInterpreter(classifier.files["int8"], BUCKETS, 1)
            found.append(outputs(own, Classify(), 97))
            del interpreter
            found.append(outputs(own, Classify(), 97))
            del own
            os._exit(0 if all(np.array_equal(each, expected) for each in found) else 1)
        finally:
            os._exit(2)
    deadline = time.monotonic() + 60
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the forked process hangs")
        time.sleep(0.01)
    assert ended == (child, 0)


@needs_kernel
def test_an_interpreter_that_two_threads_ask_at_once_says_so(classifier):
    interpreter = BucketedInterpreter(classifier.files["int8"], BUCKETS, 2)
    expected = outputs(interpreter, Classify(), 130)
    said = []

    def ask(_):
        for _ in range(300):
            try:
                outputs(interpreter, Classify(), 130)
            except RuntimeError as error:
                said.append(str(error))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(ask, range(2)))
    assert said
    assert all("is answering in another thread" in each for each in said)
    np.testing.assert_array_equal(outputs(interpreter, Classify(), 130), expected)


def wait_until_others_sleep(most_seconds=10):
    deadline = time.monotonic() + most_seconds
    while time.monotonic() < deadline:
        stats = (
            path.read_text() for path in pathlib.Path("/proc/self/task").glob("*/stat")
        )
        if [stat.rpartition(")")[2].split()[0] for stat in stats].count("R") == 1:
            return
        time.sleep(0.01)


def test_processors_without_the_instructions_are_told(monkeypatch, tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    flags = native.INSTRUCTIONS - {"avx512_vnni"} | {"sse4_2"}
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {' '.join(sorted(flags))}\n")
    monkeypatch.setattr(built_library, "CPUINFO", str(cpuinfo))
    native.why_not.cache_clear()
    try:
        assert native.why_not() == "the processor lacks avx512_vnni"
        assert native.encoder_delegate(1) is None
        cpuinfo.unlink()
        native.why_not.cache_clear()
        assert "lacks avx512_vnni avx512bw avx512dq" in native.why_not()
    finally:
        native.why_not.cache_clear()


def test_the_kernel_can_be_switched_off(monkeypatch):
    monkeypatch.setenv(built_library.SWITCH, "0")
    native.why_not.cache_clear()
    try:
        assert native.why_not() == "BERT_CPU_KERNEL is 0"
        assert native.encoder_delegate(1) is None
    finally:
        native.why_not.cache_clear()


def test_without_the_kernel_litert_answers(monkeypatch, classifier):
    expected = outputs(open_both(classifier.files["int8"])[1], Classify(), 7)
    monkeypatch.setattr(native, "INSTRUCTIONS", frozenset())
    monkeypatch.setattr(native, "_library", lambda: None)
    native.why_not.cache_clear()
    try:
        assert native.why_not().startswith("the kernel was not built")
        interpreter = BucketedInterpreter(classifier.files["int8"], BUCKETS, 1)
        np.testing.assert_array_equal(outputs(interpreter, Classify(), 7), expected)
    finally:
        native.why_not.cache_clear()


@pytest.mark.parametrize("content", [b"", b"no library", b"\x7fELF broken"])
def test_a_damaged_library_is_left_out(monkeypatch, tmp_path, content):
    library = tmp_path / "_encoder.so"
    library.write_bytes(content)
    monkeypatch.setattr(native, "INSTRUCTIONS", frozenset())
    monkeypatch.setattr(native, "_library", lambda: library)
    native.why_not.cache_clear()
    try:
        # What `bert-cpu hardware` says.
        assert native.why_not().startswith("_encoder.so can't be loaded: install")
        assert native.encoder_delegate(1) is None
    finally:
        native.why_not.cache_clear()
