"""Converted files answer as longhand does, and hold every matrix once and small."""

import pathlib

import numpy as np
import pytest
import tiny_bundle
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies
from tiny_export import BUCKETS

from bert_cpu.export.lean_weights import int8_rows
from bert_cpu.export.tflite import length_buckets
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter


# Float export only reorders additions; int8 keeps about two digits of logits that
# are as large as 5 here.
@pytest.mark.parametrize("variant, atol", [("float32", 1e-4), ("int8", 0.2)])
def test_tflite_agrees_with_longhand_at_every_length(
    converted, variant, atol, sequences, expected
):
    model = BucketedInterpreter(converted[variant], BUCKETS, threads=1)
    actual = np.stack([model.run_ids(*each)["logits"] for each in sequences])
    np.testing.assert_allclose(actual, expected, atol=atol, rtol=0)


def test_int8_stores_every_large_matrix_as_int8_with_a_step_a_column(converted):
    model = _flatbuffer(converted["int8"])
    constants = [
        tensor
        for subgraph in model.subgraphs
        for tensor in subgraph.tensors
        if model.buffers[tensor.buffer].data is not None
        and len(tensor.shape) == 2
        and tensor.shape.prod() >= 1024
        # Rows of the position table are added, not multiplied, and stay float.
        and "strided_slice" not in tensor.name.decode()
    ]
    words = (tiny_bundle.CONFIG["vocab_size"], tiny_bundle.CONFIG["hidden_size"])
    matrices = [tensor for tensor in constants if tuple(tensor.shape) != words]
    # A block has qkv (the last: query and kv), attention, grow and shrink.
    assert len(matrices) == (4 + 5 + 1) * len(BUCKETS)
    assert {tensor.type for tensor in constants} == {schema.TensorType.INT8}
    assert all(len(each.quantization.scale) == each.shape[0] for each in matrices)
    assert len(constants) == len(matrices) + len(BUCKETS)


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_signatures_share_one_copy_of_the_words(converted, weights, variant):
    words = weights["bert.embeddings.word_embeddings.weight"]
    if variant == "int8":
        words = np.round(words / np.abs(words).max(1, keepdims=True) * 127)
        words = words.astype(np.int8)
    model = _flatbuffer(converted[variant])
    assert converted[variant].read_bytes().count(words[7:9].tobytes()) == 1
    large = [
        bytes(buffer.data)
        for buffer in model.buffers
        if buffer.data is not None and len(buffer.data) >= 4096
    ]
    assert len(large) == len(set(large))


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_file_has_builtin_operations_only_and_a_whole_gelu(converted, variant):
    model = _flatbuffer(converted[variant])
    codes = {
        max(code.builtinCode, code.deprecatedBuiltinCode): code.customCode
        for code in model.operatorCodes
    }
    assert set(codes.values()) == {None}
    assert schema.BuiltinOperator.CUSTOM not in codes
    assert schema.BuiltinOperator.GELU in codes
    keys = {signature.signatureKey.decode() for signature in model.signatureDefs}
    assert keys == {f"serve_{bucket}" for bucket in BUCKETS}


@given(
    numpy_strategies.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        elements=st.floats(-1e3, 1e3, width=32).map(
            lambda value: value if abs(value) > 1e-30 else 0.0
        ),
    )
)
def test_int8_rows_are_off_by_half_a_step_of_their_row_at_most(table):
    rounded, step = int8_rows(table)
    half = np.abs(table).max(1, keepdims=True) / 127 / 2
    assert rounded.dtype == np.int8
    assert (np.abs(rounded * step - table) <= half * 1.001).all()


def test_buckets_are_powers_of_two_and_middles_and_then_max_length():
    assert length_buckets(128) == [16, 24, 32, 48, 64, 96, 128]
    assert length_buckets(100) == [16, 24, 32, 48, 64, 96, 100]
    assert length_buckets(8) == [8]
    assert length_buckets(128, middle_lengths=False) == [16, 32, 64, 128]
    assert length_buckets(100, middle_lengths=False) == [16, 32, 64, 100]
    assert length_buckets(512, False) == [16, 32, 64, 128, 256, 512]


def _flatbuffer(path: pathlib.Path):
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
