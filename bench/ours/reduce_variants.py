"""Other ways to sum gradients over workers than the one that training has."""

from collections.abc import Callable
from typing import Any

# As training does it on one machine: in memory that all workers share.
TRAINING = "as in training"
# As `bert_cpu/training/sum_gradients.py` does it in the dtype of the step: rows of the
# word table gathered, the rest in packs; kernels in bfloat16 where products are.
NETWORK = "over the network"
# Nothing is rounded.
FLOAT32 = "float32"
# Nor is the table left out.
WHOLE_TABLE = "whole table"
# One tensor of all gradients, which is what TensorFlow makes if nothing is asked of it:
# none is sent before the last is there.
FLAT = "flat"
# An all-reduce for each gradient, which can start while others are computed.
PER_VARIABLE = "per variable"
# Each worker keeps its own: for the time of a step without communication.
NONE = "none"

_CHANGES: dict[str, dict[str, Any]] = {
    NETWORK: {},
    FLOAT32: {"dtype": "float32"},
    WHOLE_TABLE: {"dtype": "float32", "most_tokens": None},
    FLAT: {"dtype": "float32", "most_tokens": None, "bytes_per_pack": 0},
    PER_VARIABLE: {"dtype": "float32", "most_tokens": None, "bytes_per_pack": 1},
}
VARIANTS = (TRAINING, *_CHANGES, NONE)


def variant_sum(
    variant: str, strategy: Any, cluster: Any, variables: Any, **given: Any
) -> Callable:
    """A sum of gradients for `make_train_step`.

    Args:
        variant: one of `VARIANTS`.
        strategy, cluster, variables: as `choose_gradient_sum` takes them.
        given: `most_tokens` and `dtype`, as training would give them.
    """
    from bert_cpu.training.choose_sum import choose_gradient_sum
    from bert_cpu.training.sum_gradients import make_gradient_sum

    if variant == NONE:
        return _keep
    if variant == TRAINING:
        return choose_gradient_sum(strategy, cluster, variables, **given)[0]
    given |= _CHANGES[variant]
    return make_gradient_sum(variables, cluster.num_workers, **given)


def _keep(replica, gradients, numbers):
    import tensorflow as tf

    return [tf.convert_to_tensor(gradient) for gradient in gradients], numbers
