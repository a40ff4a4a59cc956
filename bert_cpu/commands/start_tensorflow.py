"""Imports TensorFlow with this computer's settings, and without its greetings."""

import importlib
import os

from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.native_noise import silenced


def start_tensorflow(
    dtype: str = "auto", threads: int = 0, is_alone: bool = True
) -> None:
    """Sets what TensorFlow reads from the environment, then imports it.

    Args:
        dtype: "auto", "float32" or "bfloat16".
        threads: of this process. 0: the cores that it may use.
        is_alone: bool. It joins no cluster, which is done before any operation.
    """
    profile = choose_profile(read_hardware(), dtype, threads)
    # The last one keeps transformers from advising to install torch.
    os.environ.update(profile.environment() | {"TRANSFORMERS_VERBOSITY": "error"})
    with silenced():
        import tensorflow as tf

        importlib.import_module("transformers")
        if is_alone:
            tf.constant(0)  # The first operation greets once more.
