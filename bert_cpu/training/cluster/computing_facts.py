"""What computes in a worker, which must be the same in all of them."""

import os

from bert_cpu.hardware.cpu import Hardware
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.hardware.trains_natively import may_train_natively
from bert_cpu.settings import RunSettings


def computing_facts(settings: RunSettings, hardware: Hardware) -> dict[str, str]:
    """Describes what a worker computes with.

    Each worker updates the weights by itself, with the same gradients. Where the
    numbers are of another format, or rounded elsewhere, the weights would part.

    Args:
        settings: of the run.
        hardware: of the worker's machine.
    """
    dtype = choose_profile(hardware, settings.dtype, settings.threads).dtype
    return {
        "the dtype of products": dtype,
        "what computes the blocks (BERT_CPU_KERNEL=0: TensorFlow)": (
            "C++" if may_train_natively(dtype, os.environ) else "TensorFlow"
        ),
    }
