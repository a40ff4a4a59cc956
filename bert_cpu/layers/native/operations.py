"""TensorFlow operations in C++, where they were built and run."""

import functools
from typing import Any

import tensorflow as tf

from bert_cpu.native.training_library import (
    training_library,
    why_no_training_library,
)


@functools.cache
def training_operations() -> Any:
    """The operations of `bert_cpu/native/training`, as functions of tensors.

    Returns:
        None where they were not built, the processor lacks instructions, this
        TensorFlow does not take them, or with BERT_CPU_KERNEL=0.
    """
    if why_no_training_library() is not None:
        return None
    try:
        operations = tf.load_op_library(str(training_library()))
    except (tf.errors.NotFoundError, tf.errors.InvalidArgumentError):
        return None
    return operations if hasattr(operations, "bert_cpu_attention") else None
