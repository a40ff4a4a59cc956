"""Imports TensorFlow with this computer's settings, and without its greetings."""

import importlib
import os

from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.find_tuned_profile import find_tuned_profile
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.native_noise import silenced


def start_tensorflow(
    dtype: str = "auto",
    threads: int = 0,
    is_alone: bool = True,
    batch: int | None = None,
) -> str | None:
    """Sets what TensorFlow reads from the environment, then imports it.

    Args:
        dtype: "auto", "float32" or "bfloat16".
        threads: of this process. 0: as many as were measured to be fastest here, else
            the cores that it may use.
        is_alone: bool. It joins no cluster, which is done before any operation.
        batch: examples that this process computes at once, if they may be few.

    Returns:
        One line for the user if there is a measured profile that does not hold here.
    """
    hardware = read_hardware()
    tuned, note = find_tuned_profile(hardware)
    # What was measured holds for one process, and workers must compute alike.
    tuned = tuned if is_alone else None
    profile = choose_profile(hardware, dtype, threads, tuned=tuned, batch=batch)
    # The last one keeps transformers from advising to install torch.
    os.environ.update(profile.environment() | {"TRANSFORMERS_VERBOSITY": "error"})
    with silenced():
        import tensorflow as tf

        # Under a prompt or in a notebook it would tell of each file that it writes.
        tf.get_logger().setLevel("WARNING")
        importlib.import_module("transformers")
        if is_alone:
            tf.constant(0)  # The first operation greets once more.
    return note
