"""The machine's limits by the kernels of PyTorch and ONNX Runtime."""

from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from bench.kernel_rates import MATRIX_SIZES, TRIAD_FLOATS, KernelRates
from bench.peers.onnxruntime_session import open_session


def open_case(given: dict[str, Any]) -> KernelRates:
    """Opens the kernels of `given["kind"]`; see `bench.ours.kernels`."""
    return KernelRates(_KINDS[given["kind"]]())


def _float32():
    kernels = _torch_products(torch.float32)
    for size in MATRIX_SIZES:
        values = np.random.default_rng(0).random((2, size, size), np.float32)
        session = _session("MatMul", TensorProto.FLOAT, TensorProto.FLOAT)
        kernels[f"ONNX Runtime {size}"] = (_run(session, *values), 2.0 * size**3)
    return kernels


def _bfloat16():
    return _torch_products(torch.bfloat16)


def _int8():
    kernels = {}
    for size in MATRIX_SIZES:
        rng = np.random.default_rng(0)
        # Sums of two such products stay in 16 bits, as processors without VNNI add.
        left = rng.integers(0, 127, (size, size)).astype(np.uint8)
        right = rng.integers(-64, 64, (size, size)).astype(np.int8)
        session = _session("MatMulInteger", TensorProto.UINT8, TensorProto.INT32, right)
        kernels[f"ONNX Runtime {size}"] = (_run(session, left), 2.0 * size**3)
    return kernels


def _memory():
    """STREAM's triad, a = b + s c: 12 bytes a place.

    Reference: McCalpin 1995, https://www.cs.virginia.edu/stream/
    """
    b, c, a = (torch.rand(TRIAD_FLOATS) for _ in range(3))
    return {
        "torch triad": (lambda: torch.add(b, c, alpha=3.0, out=a), 12.0 * TRIAD_FLOATS)
    }


def _torch_products(dtype):
    kernels = {}
    for size in MATRIX_SIZES:
        left, right = (torch.rand(size, size).to(dtype) for _ in range(2))
        out = torch.empty_like(left)
        kernels[f"torch {size}"] = (_torch_product(left, right, out), 2.0 * size**3)
    return kernels


def _torch_product(left, right, out):
    return lambda: torch.matmul(left, right, out=out)


def _session(operation, kind, result_kind, weights=None):
    """One product; with constant weights, they are laid out beforehand."""
    inputs = ["a", "b"][: 2 if weights is None else 1]
    graph = helper.make_graph(
        [helper.make_node(operation, ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info(name, kind, ["m", "n"]) for name in inputs],
        [helper.make_tensor_value_info("c", result_kind, ["m", "n"])],
        [] if weights is None else [onnx.numpy_helper.from_array(weights, "b")],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    return open_session(model.SerializeToString())


def _run(session, *values):
    feed = dict(zip(("a", "b"), values, strict=False))
    return lambda: session.run(None, feed)


_KINDS = {"float32": _float32, "bfloat16": _bfloat16, "memory": _memory, "int8": _int8}
