"""Lets a new encoder begin with heads that look at neighbouring tokens."""

import keras
import numpy as np

# Where the first heads look, in tokens from their own.
_OFFSETS = (-1, 1, -2, 2)
# Of the sinusoids: their mean square is then that of the tokens' drawn vectors.
_AMPLITUDE = 0.028
# How sure the heads are: at its place, a head's score is half of it times the mean
# square of the normed sinusoids, whatever its size. Found by trial.
_SHARPNESS = 12.0


def start_neighbours(encoder: keras.Model) -> None:
    """Turns the first block's first heads to the tokens beside their own.

    With random weights attention is even at first, so that a neighbour's share of
    it, and of the gradient, is one in the length, and a short pre-training spends
    much of its time on guessing words by how frequent they are. Here positions
    begin as sinusoids, of which a query turned by an angle finds the one some
    tokens away. In block 0, head 0 looks at the token before its own, head 1 at
    the one behind, heads 2 and 3 at those two away; other heads stay random. That
    holds for positions; the tokens' own vectors, and among the first positions the
    mean that the norm takes away, pull as well.

    All remain weights like any other, which training is free to change. Nothing is
    drawn: the same encoder always becomes the same.

    Args:
        encoder: keras.Model as `build_encoder` returns it, with its random weights.
            Its table of positions is replaced, and the query and key kernels of
            block 0, `(hidden_size, heads, size)`, are added to.

    Reference: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, section 3.5
    (the sinusoids, and that an offset is a rotation of them).
    """
    variables = {variable.path: variable for variable in encoder.variables}
    positions = variables["embeddings/position/embeddings"]
    query = variables["block_0/attention/query/kernel"]
    key = variables["block_0/attention/key/kernel"]
    num_positions, hidden_size = positions.shape
    _, num_heads, head_size = key.shape

    num_waves = hidden_size // 2
    frequencies = 10000.0 ** (-2 * np.arange(num_waves) / hidden_size)
    angles = np.arange(num_positions)[:, None] * frequencies
    table = positions.numpy()  # An odd last feature stays as it was drawn.
    table[:, : 2 * num_waves] = np.hstack([np.sin(angles), np.cos(angles)]) * _AMPLITUDE
    positions.assign(table)

    # The fastest waves, which tell neighbours apart: their sines are features
    # `sines` of a token and `first` of a head, their cosines `cosines` and `second`.
    num_read = head_size // 2
    sines = first = np.arange(num_read)
    cosines, second = num_waves + sines, num_read + first
    strength = np.sqrt(_SHARPNESS / np.sqrt(head_size))
    keys, queries = key.numpy(), query.numpy()
    for head, offset in enumerate(_OFFSETS[:num_heads]):
        keys[sines, head, first] += strength
        keys[cosines, head, second] += strength
        # sin(a + t) and cos(a + t): what a key has that stands `offset` further on.
        turn = frequencies[:num_read] * offset
        queries[sines, head, first] += strength * np.cos(turn)
        queries[cosines, head, first] += strength * np.sin(turn)
        queries[cosines, head, second] += strength * np.cos(turn)
        queries[sines, head, second] -= strength * np.sin(turn)
    key.assign(keys)
    query.assign(queries)
