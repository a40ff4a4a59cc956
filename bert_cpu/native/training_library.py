"""The library of operations for training, where it was built and runs."""

import pathlib

from bert_cpu.native import encoder_delegate
from bert_cpu.native.built_library import find_library, why_no_library

# Intel's Cooper Lake, Sapphire Rapids and later, AMD's Zen 4 and later.
INSTRUCTIONS = encoder_delegate.INSTRUCTIONS | {"avx512_bf16"}

# Numbers of a register of 512 bits: rows of an operation are a multiple of it.
_COLUMNS = 16


def fits_operations(dtype: str, *columns: int) -> bool:
    """Whether the operations are made for such rows, wherever they are.

    Args:
        dtype: of matrix products.
        columns: of rows, or of a head's part of them.
    """
    return dtype == "bfloat16" and all(each % _COLUMNS == 0 for each in columns)


def training_library() -> pathlib.Path | None:
    """Its file; None where it was not built."""
    return find_library("_training")


def why_no_training_library() -> str | None:
    """Why TensorFlow's own operations train here; None if those in C++ do."""
    return why_no_library(training_library(), INSTRUCTIONS)
