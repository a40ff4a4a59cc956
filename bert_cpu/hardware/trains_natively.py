"""Whether an encoder's blocks will be trained by operations in C++."""

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
    return (
        fits_operations(profile.dtype, *sizes)
        and profile.environment()["TF_NUM_INTRAOP_THREADS"] == "1"
        and why_no_training_library() is None
    )
