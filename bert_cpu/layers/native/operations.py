"""TensorFlow operations in C++, where they were built and run."""

import functools
from typing import Any

import tensorflow as tf

from bert_cpu.native.built_library import find_library, why_no_library


@functools.cache
def training_operations() -> Any:
    """The operations of `bert_cpu/native/training`, as functions of tensors.

    Returns:
        None where they were not built, the processor lacks instructions, this
        TensorFlow does not take them, or with BERT_CPU_KERNEL=0.
    """
    library = find_library("_training")
    if why_no_library(library) is not None:
        return None
    try:
        operations = tf.load_op_library(str(library))
    except (tf.errors.NotFoundError, tf.errors.InvalidArgumentError):
        return None
    return operations if hasattr(operations, "bert_cpu_attention") else None
