"""The library of operations for training, where it was built and runs."""

import pathlib

from bert_cpu.native.built_library import find_library, why_no_library


def training_library() -> pathlib.Path | None:
    """Its file; None where it was not built."""
    return find_library("_training")


def why_no_training_library() -> str | None:
    """Why TensorFlow's own operations train here; None if those in C++ do."""
    return why_no_library(training_library())
