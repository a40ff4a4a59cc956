"""How many interpreters of a model the memory holds."""

from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.runtime.tflite_model import TFLiteModel


def fitting_instances(
    model: TFLiteModel, instances: int, memory_available: int | None = None
) -> int:
    """So many of the interpreters as fit into half of the memory that is free.

    Args:
        model: which they answer with.
        instances: that there should be.
        memory_available: bytes. Default: as `read_hardware` sees it.

    Returns:
        At least 1.
    """
    if instances == 1:
        return 1
    if memory_available is None:
        memory_available = read_hardware().memory_available
    fitting = memory_available // 2 // model.interpreter_bytes
    return max(1, min(instances, fitting))
