"""The machine's limits by the kernels of NumPy and TensorFlow."""

from typing import Any

import numpy as np

from bench.kernel_rates import MATRIX_SIZES, KernelRates
from bert_cpu.commands.start_tensorflow import start_tensorflow


def open_case(given: dict[str, Any]) -> KernelRates:
    """Opens the kernels of `given["kind"]`: products of "float32", "bfloat16" or
    "int8", or "memory"."""
    # One product at a time, with all threads on it.
    start_tensorflow("float32", batch=1)
    return KernelRates(_KINDS[given["kind"]]())


def _float32():
    import tensorflow as tf

    kernels = {}
    for size in MATRIX_SIZES:
        left, right = np.random.default_rng(0).random((2, size, size), np.float32)
        out = np.empty_like(left)
        kernels[f"NumPy {size}"] = (_product(left, right, out), 2.0 * size**3)
        kernels[f"TensorFlow {size}"] = (
            _tensor_product(tf.constant(left), tf.constant(right)),
            2.0 * size**3,
        )
    return kernels


def _bfloat16():
    import tensorflow as tf

    kernels = {}
    for size in MATRIX_SIZES:
        values = np.random.default_rng(0).random((2, size, size), np.float32)
        left, right = (tf.cast(value, tf.bfloat16) for value in values)
        kernels[f"TensorFlow {size}"] = (_tensor_product(left, right), 2.0 * size**3)
    return kernels


def _product(left, right, out):
    return lambda: np.matmul(left, right, out=out)


def _tensor_product(left, right):
    import tensorflow as tf

    product = tf.function(tf.matmul)
    # An element, so that it waits for the end.
    return lambda: float(product(left, right)[0, 0])


# Neither has a quick product of bytes, or a sum of products in one pass.
_KINDS = {"float32": _float32, "bfloat16": _bfloat16, "int8": dict, "memory": dict}
