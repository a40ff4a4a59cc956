"""What tests of layers give them: numbers, masks, and weights that are not zero."""

import numpy as np
import tensorflow as tf

from bert_cpu.layers.attention import SelfAttention

BATCH, LENGTH, HEADS, HIDDEN = 3, 7, 4, 24


# Two orders of the same float32 sums.
TOLERANCE = {"rtol": 0, "atol": 1e-5}


def normal(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def mask_of(*lengths):
    """int `(batch, length)`, 1 at the first tokens of each sequence."""
    return np.int32(np.arange(LENGTH) < np.array(lengths)[:, None])


def randomized(layer, *shapes, seed=1):
    """Builds a layer, with no weight left at zero or one."""
    layer.build(*shapes)
    random = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        variable.assign(random.normal(0, 0.3, variable.shape))
    return layer


def refuse_parent(monkeypatch):
    """Fails if the parent computes: then a test would compare it with itself."""

    def refuse(*_, **__):
        raise AssertionError("the parent was asked")

    monkeypatch.setattr(SelfAttention, "_compute_attention", refuse)
