"""BERT's layer norm, always in float32."""

import keras


def layer_norm(epsilon, name):
    """Makes the norm that stands after each half of an encoder block.

    Args:
        epsilon: float. Added to the variance. BERT's 1e-12 is below what
            bfloat16 can tell from 0, so the norm computes in float32 whatever
            the policy of the layers around it; they cast what it returns.
        name: str.

    Returns:
        keras.layers.LayerNormalization over the last axis, float32.
    """
    return keras.layers.LayerNormalization(epsilon=epsilon, dtype="float32", name=name)
