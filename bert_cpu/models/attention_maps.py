"""What each head of an encoder looks at, for pictures and for questions."""

from collections.abc import Mapping

import keras
import numpy as np


def attention_maps(
    encoder: keras.Model, inputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """The attention probabilities of all heads of all blocks, without dropout.

    An encoder has no use for them once a block is computed, so they are computed
    again from the hidden states that each block read.

    Args:
        encoder: as `build_encoder` returns it, with all tokens in its last block
            (`reads_first_token` false); or a task's model with such a one in it.
        inputs: int32 `(batch, length)` arrays `input_ids`, `token_type_ids` and
            `attention_mask`, as the tokenizer gives them.

    Returns:
        float32 `(num_layers, batch, num_heads, length, length)`: how much the token
        of a row takes from the token of a column. A row sums to 1.

    Example:
    >>> texts = tokenizer(["a film"], return_tensors="np")  # doctest: +SKIP
    >>> attention_maps(encoder, texts)[0, 0].shape  # doctest: +SKIP
    (12, 4, 4)
    """
    names = {layer.name for layer in encoder.layers}
    blocks: list[keras.layers.Layer] = []
    while f"block_{len(blocks)}" in names:
        blocks.append(encoder.get_layer(f"block_{len(blocks)}"))
    # What each of them reads.
    layers = [encoder.get_layer("embeddings"), *blocks[:-1]]
    reader = keras.Model(encoder.input, [layer.output for layer in layers])
    read = {name: inputs[name] for name in encoder.input}
    mask = keras.ops.convert_to_tensor(read["attention_mask"])[:, None, :]
    maps = []
    for block, hidden in zip(blocks, reader(read, training=False), strict=True):
        attention = block.attention
        _, scores = attention(
            hidden, hidden, attention_mask=mask, return_attention_scores=True
        )
        maps.append(keras.ops.convert_to_numpy(keras.ops.cast(scores, "float32")))
    return np.stack(maps)
