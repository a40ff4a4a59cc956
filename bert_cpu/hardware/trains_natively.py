"""Whether an encoder's blocks will be trained by operations in C++."""

from bert_cpu.hardware.encoder_shape import EncoderShape
from bert_cpu.hardware.profile import Profile
from bert_cpu.native.training_library import why_no_training_library

_COLUMNS = 16  # Sizes are multiples of it.


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
        profile.dtype == "bfloat16"
        and (profile.streams > 1 or profile.threads == 1)
        and all(size % _COLUMNS == 0 for size in sizes)
        and why_no_training_library() is None
    )
