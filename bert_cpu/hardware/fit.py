"""Whether an encoder can be trained and can answer in this computer's memory."""

import dataclasses

from bert_cpu.hardware.encoder_shape import EncoderShape
from bert_cpu.hardware.memory import (
    MemoryEstimate,
    estimate_inference_memory,
    estimate_training_memory,
)
from bert_cpu.hardware.profile import Profile
from bert_cpu.hardware.trains_natively import trains_natively


@dataclasses.dataclass(frozen=True)
class ModelFit:
    """What one encoder needs to be trained, and to answer."""

    # As the user named it.
    encoder: str
    parameters: int
    # Sequences in one training batch.
    batch_size: int
    # Tokens in a sequence.
    length: int
    training: MemoryEstimate
    # One float32 text at a time.
    answering: MemoryEstimate


def fit_model(
    encoder: str,
    shape: EncoderShape,
    profile: Profile,
    batch_size: int = 32,
    length: int = 128,
) -> ModelFit:
    """Estimates both jobs for an encoder of this shape.

    Args:
        encoder: how the user named it.
        shape: from `read_encoder_shape`.
        profile: from `choose_profile`; training takes its dtype.
        batch_size: sequences in one training batch; the default of training.
        length: tokens in a sequence, cut to what the encoder has positions for.
    """
    length = min(length, shape.max_position_embeddings)
    return ModelFit(
        encoder=encoder,
        parameters=shape.parameters,
        batch_size=batch_size,
        length=length,
        training=estimate_training_memory(
            shape,
            batch_size,
            length,
            dtype=profile.dtype,
            is_native=trains_natively(shape, profile),
        ),
        answering=estimate_inference_memory(shape, 1, length),
    )
