"""BERT's layer norm, never in bfloat16."""

import keras

from bert_cpu.layers.exact_dtype import exact_dtype


def layer_norm(epsilon, name, compute_dtype):
    """Makes the norm that stands after each half of an encoder block.

    Args:
        epsilon: float. Added to the variance. BERT's 1e-12 is below what
            bfloat16 can tell from 0, so the norm computes in float32 even
            there; the layers around it cast what it returns.
        name: str.
        compute_dtype: str. Of the layers around it.

    Returns:
        keras.layers.LayerNormalization over the last axis, float32, or float64
        where all is.
    """
    return keras.layers.LayerNormalization(
        epsilon=epsilon, dtype=exact_dtype(compute_dtype), name=name
    )
