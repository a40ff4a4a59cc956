"""Floating-point operations of BERT, counted as a textbook would."""


def count_flops(shape: dict[str, int], length: int, num_labels: int = 2) -> float:
    """Of a classifier's forward pass; a training step has three times as many.

    The last block counts for the first token only, since the head reads no other.
    Who computes the rest of it does work that nobody asked for.

    Only matrix products count, a multiplication and an addition each: norms,
    softmax and activations are under 2 % and are no work of the matrix units.
    The backward pass makes two products of each one, for the input's gradient and
    for the weight's (Kaplan et al. 2020, https://arxiv.org/abs/2001.08361, 2.1).

    Args:
        shape: `hidden_size`, `intermediate_size`, `num_hidden_layers`.
        length: tokens in the sequence, real ones: padding is no work to be done.
        num_labels: of the classifier.
    """
    hidden, intermediate = shape["hidden_size"], shape["intermediate_size"]
    keys = 2 * hidden * hidden  # And values, of every token.
    # Query and output; up and down; scores with each token and their sum of values.
    queries = 2 * hidden * hidden + 2 * hidden * intermediate + 2 * length * hidden
    num_blocks = shape["num_hidden_layers"]
    num_queries = (num_blocks - 1) * length + 1
    head = hidden * hidden + hidden * num_labels
    return 2.0 * (num_blocks * length * keys + num_queries * queries + head)


def count_weight_bytes(shape: dict[str, int], bytes_per_weight: int) -> float:
    """Bytes of the encoder's matrices, all of which one answer must read.

    Args:
        shape: see `count_flops`.
        bytes_per_weight: 4 for float32, 2 for bfloat16, 1 for int8.
    """
    hidden, intermediate = shape["hidden_size"], shape["intermediate_size"]
    layer = 4 * hidden * hidden + 2 * hidden * intermediate
    matrices = shape["num_hidden_layers"] * layer + hidden * hidden
    return float(matrices * bytes_per_weight)
