"""The kernel in C++ answers as LiteRT's own kernels do, from the same file."""

import concurrent.futures
import ctypes
import math

import flatbuffers
import numpy as np
import pytest
import tiny_bundle
from ai_edge_litert import schema_py_generated as schema
from kernel_models import (
    BUCKETS,
    DEEP,
    LENGTHS,
    NARROW,
    ODD,
    needs_kernel,
    open_both,
    outputs,
    write_model,
)

from bert_cpu.export.lean_graph import LeanGraph
from bert_cpu.native import encoder_delegate as native
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.tasks.answer import AnswerQuestions
from bert_cpu.tasks.classify import Classify
from bert_cpu.tasks.embed import Embed
from bert_cpu.tasks.tag import Tag


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """Its last block works for the first token alone."""
    return write_model(tmp_path_factory.mktemp("classifier"), Classify())


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("tagger"), Tag(), **DEEP)


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
        for seed in range(48):  # Of 8, their ratio is 1.0 to 1.4 by chance.
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
@pytest.mark.parametrize("task", [Classify(), Tag()], ids=["classify", "tag"])
def test_a_norm_of_embeddings_without_gamma_and_beta_is_left_to_litert(tmp_path, task):
    """The converter leaves them out, and the kernel is given what is normed already."""

    def fold(weights):
        weights["bert.embeddings.LayerNorm.weight"][:] = 1
        weights["bert.embeddings.LayerNorm.bias"][:] = 0

    model = write_model(tmp_path, task, fold, num_hidden_layers=1)
    kernel, plain = open_both(model.files["int8"])
    float32 = BucketedInterpreter(model.files["float32"], BUCKETS, 1)
    for length in LENGTHS:
        found, other, expected = (
            outputs(each, task, length) for each in (kernel, plain, float32)
        )
        assert not np.array_equal(found, other)
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
def test_a_row_that_is_added_to_all_is_no_encoder(tmp_path):
    """The kernel reads a row for each token; here a file has one for all of them."""
    path = write_model(tmp_path, Classify()).files["int8"]
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    kinds = [code.builtinCode for code in model.operatorCodes]
    for graph in model.subgraphs:
        product = add = None
        for each in graph.operators:
            kind = kinds[each.opcodeIndex]
            if kind == schema.BuiltinOperator.MUL and product is None:
                gamma = each.inputs[1]
            elif kind == schema.BuiltinOperator.FULLY_CONNECTED:
                product = each.outputs[0]
            elif kind == schema.BuiltinOperator.ADD and product in each.inputs:
                add = each
                break
        assert graph.tensors[gamma].shape.tolist() == [
            tiny_bundle.CONFIG["hidden_size"]
        ]
        add.inputs = [product, gamma]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    expect_the_same(*open_both(path))


@needs_kernel
def test_float32_is_left_to_litert(classifier):
    expect_the_same(*open_both(classifier.files["float32"]))


def expect_the_same(kernel, plain):
    for length in LENGTHS:
        np.testing.assert_array_equal(
            outputs(kernel, Classify(), length), outputs(plain, Classify(), length)
        )


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
