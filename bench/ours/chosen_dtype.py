"""What ours computes in here, as `bert-cpu train` chooses it."""

from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.find_tuned_profile import find_tuned_profile
from bert_cpu.hardware.profile import choose_profile


def chosen_dtype(dtype: str = "auto") -> str:
    """What was asked for, else measured by `hardware --tune`, else the default.

    Args:
        dtype: "auto", "float32" or "bfloat16".
    """
    hardware = read_hardware()
    tuned, _ = find_tuned_profile(hardware)
    return choose_profile(hardware, dtype, tuned=tuned).dtype
