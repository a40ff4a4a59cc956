"""Whether an encoder's blocks will be trained by operations in C++."""

from collections.abc import Mapping

from bert_cpu.hardware.encoder_shape import EncoderShape
from bert_cpu.hardware.profile import Profile
from bert_cpu.native.training_library import (
    fits_operations,
    why_no_training_library,
)


def trains_natively(shape: EncoderShape, profile: Profile) -> bool:
    """Foresees it before TensorFlow is there to be asked; see `choose_native`.

    Args:
        shape: of the encoder.
        profile: that the process will compute with.
    """
    sizes = (
        shape.hidden_size,
        shape.hidden_size // shape.num_attention_heads,
        shape.intermediate_size,
    )
    environment = profile.environment()
    return may_train_natively(profile.dtype, environment) and fits_operations(
        profile.dtype, *sizes
    )


def may_train_natively(dtype: str, environment: Mapping[str, str]) -> bool:
    """Whether encoders whose sizes fit the operations are trained by them.

    Args:
        dtype: of matrix products.
        environment: of the process, as TensorFlow will find it.
    """
    return (
        fits_operations(dtype)
        and environment.get("TF_NUM_INTRAOP_THREADS") == "1"
        and why_no_training_library() is None
    )
