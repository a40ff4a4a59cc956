"""Which layers learn, and how fast each one does."""

import re

import keras


def freeze(model: keras.Model, num_layers: int) -> None:
    """Leaves the embeddings and the lowest encoder blocks as they are.

    Args:
        model: with the layers of `build_encoder`.
        num_layers: int. 0 for none; with 1, the embeddings and `block_0`.
    """
    if num_layers:
        frozen = ["embeddings", *(f"block_{index}" for index in range(num_layers))]
        for name in frozen:
            model.get_layer(name).trainable = False


def rate_multipliers(model: keras.Model, layer_decay: float) -> dict[str, float]:
    """Rates that fall from the head down, layer by layer.

    What lies low is general and needs little change (Howard and Ruder 2018,
    https://arxiv.org/abs/1801.06146, section 3.2).

    Args:
        model: with the layers of `build_encoder`.
        layer_decay: float in `(0, 1]`. The share of the rate that each layer has
            of the one above it. The highest block has that share of the head's.

    Returns:
        dict of variable path to multiplier.
    """
    num_blocks = sum(layer.name.startswith("block_") for layer in model.layers)
    multipliers = {}
    for variable in model.trainable_variables:
        block = re.match(r"block_(\d+)/", variable.path)
        if block:
            layers_above = num_blocks - int(block[1])
        elif variable.path.startswith("embeddings/"):
            layers_above = num_blocks + 1
        else:
            layers_above = 0
        multipliers[variable.path] = layer_decay**layers_above
    return multipliers
