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
    return may_train_natively(
        profile.dtype,
        profile.environment(),
        shape.hidden_size,
        shape.hidden_size // shape.num_attention_heads,
        shape.intermediate_size,
    )


def may_train_natively(
    dtype: str, environment: Mapping[str, str], *columns: int
) -> bool:
    """Whether they train rows of these columns; without any, rows that fit them.

    Args:
        dtype: of matrix products.
        environment: of the process, as TensorFlow will find it.
        columns: of rows, or of a head's part of them.
    """
    return (
        fits_operations(dtype, *columns)
        and environment.get("TF_NUM_INTRAOP_THREADS") == "1"
        and why_no_training_library() is None
    )
