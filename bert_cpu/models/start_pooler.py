"""A pooler that nobody trained, begun so that a head can learn through it."""

import keras
import numpy as np


def start_pooler(model: keras.Model) -> bool:
    """Draws the pooler's kernel anew if it was never trained.

    That shows in its biases: they begin as zeros, and one update moves them. Encoders
    made by distillation, or trained to be read by the mean of their tokens, as MiniLM
    was, carry such a pooler along. Its kernel may be so small that little comes
    through and little flows back: MiniLM's has a deviation of 0.009. The new one is
    drawn as Keras draws that of a dense layer (Glorot and Bengio 2010,
    https://proceedings.mlr.press/v9/glorot10a), by Keras's global seed.

    Args:
        model: an encoder with its weights, or a task's model with such a one in it.

    Returns:
        Whether it was drawn; False also for a model without a pooler.
    """
    weights = {variable.path: variable for variable in model.variables}
    bias = weights.get("pooler/bias")
    if bias is None or np.any(bias.numpy()):
        return False
    kernel = weights["pooler/kernel"]
    kernel.assign(keras.initializers.GlorotUniform()(kernel.shape, kernel.dtype))
    return True
