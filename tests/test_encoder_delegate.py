"""The kernel in C++ answers as LiteRT's own kernels do, from the same file."""

import concurrent.futures
import contextlib
import ctypes
import math
import os
import pathlib
import signal
import time
import types

import numpy as np
import pytest
import tiny_bundle

from bert_cpu.export.lean_graph import LeanGraph
from bert_cpu.export.tflite import convert
from bert_cpu.native import encoder_delegate as native
from bert_cpu.runtime import bucketed_interpreter
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.runtime.run_windows import run_windows
from bert_cpu.tasks.answer import AnswerQuestions
from bert_cpu.tasks.classify import Classify
from bert_cpu.tasks.embed import Embed
from bert_cpu.tasks.tag import Tag
from bert_cpu.text.windows import Reading

needs_kernel = pytest.mark.skipif(
    native.why_not() is not None, reason=f"no kernel here: {native.why_not()}"
)
BUCKETS = [16, 40, 130]
# Sizes that fill no panel of 64 columns, heads of 48 and of 80 numbers.
ODD = {"hidden_size": 240, "num_attention_heads": 3, "intermediate_size": 208}
NARROW = {"hidden_size": 48, "num_attention_heads": 3, "intermediate_size": 80}
DEEP = {"num_hidden_layers": 3, "hidden_size": 128, "num_attention_heads": 4}
LENGTHS = (1, 2, 7, 16, 17, 39, 40, 41, 97, 130)


def write_model(directory, task, edit=None, **changes):
    """Random weights, changed by `edit`, converted: variant -> file."""
    config = tiny_bundle.CONFIG | {"max_position_embeddings": 130} | changes
    weights = tiny_bundle.random_weights(config, seed=5)
    if edit is not None:
        edit(weights)
    if isinstance(task, AnswerQuestions):
        weights["qa_outputs.weight"] = weights["classifier.weight"][:2]
        weights["qa_outputs.bias"] = weights["classifier.bias"][:2]
    bundle = tiny_bundle.write_bundle(directory / "bundle", weights, config)
    (directory / "tflite").mkdir()
    files = convert(bundle, directory / "tflite", BUCKETS, task)
    return types.SimpleNamespace(files=files, weights=weights, config=config)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """Its last block works for the first token alone."""
    return write_model(tmp_path_factory.mktemp("classifier"), Classify())


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("tagger"), Tag(), **DEEP)


def open_both(path, threads=1):
    return [
        BucketedInterpreter(path, BUCKETS, threads, uses_kernel=uses_kernel)
        for uses_kernel in (True, False)
    ]


def sequence(length, seed=0):
    ids = np.random.default_rng([seed, length]).integers(5, 320, length)
    return ids, (np.arange(length) > length // 2).astype(np.int32)


def outputs(interpreter, task, length, seed=0):
    """Of one sequence, padding cut off."""
    ids, kinds = sequence(length, seed)
    window = types.SimpleNamespace(ids=ids, type_ids=kinds)
    ((name, values),) = run_windows(interpreter, task, Reading([window], False))[
        0
    ].items()
    assert name in ("logits", "vector")
    return values


@needs_kernel
@pytest.mark.parametrize(
    ("task", "changes"),
    [
        (Classify(), ODD),
        (Classify(), {"num_hidden_layers": 1}),
        # The converter folds the last norm's gamma and beta into the head.
        (Tag(), {"num_hidden_layers": 1}),
        (AnswerQuestions(), DEEP),
        (Embed(), NARROW | {"hidden_act": "gelu_new"}),
    ],
    ids=lambda value: getattr(value, "name", None) or ",".join(value),
)
def test_kernel_is_as_near_to_float32_as_xnnpack(tmp_path, task, changes):
    model = write_model(tmp_path, task, **changes)
    kernel, plain = open_both(model.files["int8"])
    float32 = BucketedInterpreter(model.files["float32"], BUCKETS, 1)
    errors, errors_plain = [], []
    for length in LENGTHS:
        for seed in range(4):
            found, other, expected = (
                outputs(each, task, length, seed) for each in (kernel, plain, float32)
            )
            assert found.shape == expected.shape
            # They round to the same steps, but not from the very same numbers.
            assert not np.array_equal(found, other)
            errors.append(np.square(found - expected).mean())
            errors_plain.append(np.square(other - expected).mean())
    assert np.mean(errors) < 1.3 * np.mean(errors_plain)
    assert np.mean(errors) > 0.5 * np.mean(errors_plain)  # It is int8, too.


@needs_kernel
def test_equal_codes_of_other_steps_are_another_matrix(tmp_path):
    """Weights twice as large have the same int8 codes, which the file keeps once."""

    def double(weights):
        for name in ("intermediate", "output"):
            of_block = f"bert.encoder.layer.{{}}.{name}.dense.weight"
            weights[of_block.format(1)] = 2 * weights[of_block.format(0)]

    model = write_model(tmp_path, Classify(), double)
    kernel, plain = open_both(model.files["int8"])
    float32 = BucketedInterpreter(model.files["float32"], BUCKETS, 1)
    for length in LENGTHS:
        found, other, expected = (
            outputs(each, Classify(), length) for each in (kernel, plain, float32)
        )
        assert not np.array_equal(found, other)
        # It was off by 0.3 to 0.5; rounding to 8 bits makes up to 0.11.
        np.testing.assert_allclose(found, expected, atol=0.2)


@needs_kernel
@pytest.mark.parametrize("threads", [2, 3, 9])
def test_threads_change_nothing(tagger, threads):
    one = BucketedInterpreter(tagger.files["int8"], BUCKETS, 1)
    several = BucketedInterpreter(tagger.files["int8"], BUCKETS, threads)
    for length in LENGTHS:
        np.testing.assert_array_equal(
            outputs(several, Tag(), length), outputs(one, Tag(), length)
        )


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
def test_a_forked_process_answers_and_closes(classifier):
    """It has none of the threads that its parent started."""
    interpreter = BucketedInterpreter(classifier.files["int8"], BUCKETS, 2)
    expected = outputs(interpreter, Classify(), 97)
    wait_until_others_sleep()
    child = os.fork()
    if child == 0:
        try:
            found = outputs(interpreter, Classify(), 97)
            del interpreter
            os._exit(0 if np.array_equal(found, expected) else 1)
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


def wait_until_others_sleep(most_seconds=10):
    deadline = time.monotonic() + most_seconds
    while time.monotonic() < deadline:
        stats = (
            path.read_text() for path in pathlib.Path("/proc/self/task").glob("*/stat")
        )
        if [stat.rpartition(")")[2].split()[0] for stat in stats].count("R") == 1:
            return
        time.sleep(0.01)


@needs_kernel
@pytest.mark.parametrize("length", [1, 7, 16])
def test_padding_is_not_attended_to(tagger, length):
    """The same sequence in signatures of several lengths."""
    found = [
        outputs(BucketedInterpreter(tagger.files["int8"], [bucket], 1), Tag(), length)
        for bucket in BUCKETS
    ]
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@needs_kernel
def test_nothing_stays_of_the_sequence_before(classifier):
    task = Classify()
    shared = BucketedInterpreter(classifier.files["int8"], BUCKETS, 2)
    for length in (130, 3, 97, 41, 16, 1, 40):
        fresh = BucketedInterpreter(classifier.files["int8"], BUCKETS, 2)
        np.testing.assert_array_equal(
            outputs(shared, task, length, seed=7), outputs(fresh, task, length, seed=7)
        )


@needs_kernel
def test_interpreters_run_side_by_side(tagger):
    path = tagger.files["int8"]
    expected = [
        outputs(BucketedInterpreter(path, BUCKETS, 1), Tag(), length)
        for length in LENGTHS
    ]

    def run(_):
        interpreter = BucketedInterpreter(path, BUCKETS, 2)
        return [outputs(interpreter, Tag(), length) for length in LENGTHS * 3]

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for found in pool.map(run, range(3)):
            for actual, right in zip(found, expected * 3, strict=True):
                np.testing.assert_array_equal(actual, right)


@needs_kernel
@pytest.mark.parametrize(
    "changes",
    # Heads of 8 numbers fill no vector.
    [{"hidden_act": "relu"}, {"num_attention_heads": 8}],
)
def test_other_graphs_are_left_to_litert(tmp_path, changes):
    model = write_model(tmp_path, Classify(), **changes)
    expect_the_same(*open_both(model.files["int8"]))


class TagByTwoBlocks(Tag):
    """Its head reads what the first block gives to the second, too."""

    def lean_outputs(self, graph, hidden, inputs):
        return super().lean_outputs(graph, hidden + graph.states["0"], inputs)


@needs_kernel
def test_a_head_that_reads_between_blocks_is_answered_by_litert(tmp_path, monkeypatch):
    block = LeanGraph._block

    def remembering(graph, name, *inputs):
        states = vars(graph).setdefault("states", {})
        states[name] = block(graph, name, *inputs)
        return states[name]

    monkeypatch.setattr(LeanGraph, "_block", remembering)
    model = write_model(tmp_path, TagByTwoBlocks())
    expect_the_same(*open_both(model.files["int8"]))


@needs_kernel
def test_float32_is_left_to_litert(classifier):
    expect_the_same(*open_both(classifier.files["float32"]))


def expect_the_same(kernel, plain):
    for length in LENGTHS:
        np.testing.assert_array_equal(
            outputs(kernel, Classify(), length), outputs(plain, Classify(), length)
        )


def test_processors_without_the_instructions_are_told(monkeypatch, tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    flags = native.INSTRUCTIONS - {"avx512_bf16"} | {"sse4_2"}
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {' '.join(sorted(flags))}\n")
    monkeypatch.setattr(native, "CPUINFO", str(cpuinfo))
    native.why_not.cache_clear()
    try:
        assert native.why_not() == "the processor lacks avx512_bf16"
        assert native.encoder_delegate(1) is None
        cpuinfo.unlink()
        native.why_not.cache_clear()
        assert "lacks avx512_bf16 avx512_vnni" in native.why_not()
    finally:
        native.why_not.cache_clear()


def test_the_kernel_can_be_switched_off(monkeypatch):
    monkeypatch.setenv(native.SWITCH, "0")
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


@needs_kernel
@pytest.mark.parametrize("approximate", [False, True])
def test_gelu_of_the_kernel(approximate):
    library = ctypes.CDLL(str(native._library()))
    x = np.linspace(-12, 12, 4096, dtype=np.float32)
    actual = np.empty_like(x)
    library.bert_cpu_gelu(
        x.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_int(len(x)),
        ctypes.c_bool(approximate),
        actual.ctypes.data_as(ctypes.c_void_p),
    )
    expected = [_gelu(float(value), approximate) for value in x]
    # A thousandth of a step of 8 bits, for numbers up to 5.
    np.testing.assert_allclose(actual, expected, atol=2e-5)


def _gelu(x, approximate):
    if approximate:
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return x * 0.5 * (1 + math.tanh(inner))
    return x * 0.5 * math.erfc(-x / math.sqrt(2))
