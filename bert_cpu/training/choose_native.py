"""Whether steps compute an encoder's blocks in C++."""

import os

import keras

from bert_cpu.layers.encoder_block import EncoderBlock
from bert_cpu.layers.native.switch import fits_native


def choose_native(model: keras.Model) -> bool:
    """Chooses it where it can be had, for all of the model's blocks or none.

    Each of these operations works on one thread. So they are left where TensorFlow
    shares out an operation over several, as it does for more than eight threads.
    """
    blocks = encoder_blocks(model)
    return (
        os.environ.get("TF_NUM_INTRAOP_THREADS") == "1"
        and bool(blocks)
        and all(
            fits_native(
                block.compute_dtype,
                block.attention.key_dim,
                block.attention_norm.gamma.shape[0],
                block.intermediate_size,
            )
            for block in blocks
        )
    )


def encoder_blocks(model: keras.Model) -> list[EncoderBlock]:
    """All of a built model, in order."""
    layers = model._flatten_layers()
    return [layer for layer in layers if isinstance(layer, EncoderBlock)]
