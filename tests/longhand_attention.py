"""Attention in longhand NumPy."""

import numpy as np


def longhand_probabilities(encoder, block, inputs):
    """Softmax of q k / sqrt(d), from the weights of one block, in NumPy."""
    weights = {
        variable.path.split("/", 2)[-1]: variable.numpy()
        for variable in encoder.get_layer(f"block_{block}").variables
        if "/attention/" in variable.path
    }
    hidden = encoder(inputs)["hidden_states"][block].numpy()

    def heads(name):
        product = np.einsum("bti,ihd->bhtd", hidden, weights[f"{name}/kernel"])
        return product + weights[f"{name}/bias"][:, None]

    query, key = heads("query"), heads("key")
    scores = np.einsum("bhqd,bhkd->bhqk", query, key) / np.sqrt(query.shape[-1])
    is_masked = inputs["attention_mask"][:, None, None, :] == 0
    exponentials = np.where(is_masked, 0, np.exp(scores))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
