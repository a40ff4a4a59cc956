"""Attention of one query a sequence, without a key or a value for each token."""

import tensorflow as tf
from keras import ops


def attend_for_one(query, tokens, key, value, num_heads, weigh):
    """What each head gathers for one query.

    A score is `query . (token @ kernel)`, which is `(query @ kernel^T) . token`, and
    what a head gathers, `sum(share * (token @ kernel))`, is
    `sum(share * token) @ kernel`. So the tokens are projected to neither keys nor
    values, which takes as many rows as there are tokens; here it is a row a head.

    Args:
        query: float `(batch, width)`, projected, heads side by side.
        tokens: float `(batch, length, hidden_size)`.
        key, value: `(kernel, bias)` of the projections, `(hidden_size, width)` and
            `(width,)`, of the same dtype.
        num_heads: int. Divides `width`.
        weigh: makes shares of scores, both `(batch, num_heads, length)`.

    Returns:
        float `(batch, width)`, heads side by side.
    """
    width, hidden_size = query.shape[-1], tokens.shape[-1]
    is_own = ops.repeat(ops.eye(num_heads), width // num_heads, axis=1)
    is_own = ops.cast(is_own, query.dtype)  # (num_heads, width)
    asked = query[:, None] * is_own  # (batch, num_heads, width)
    wanted = tf.matmul(ops.reshape(asked, (-1, width)), key[0], transpose_b=True)
    wanted = ops.reshape(wanted, (-1, num_heads, hidden_size))
    scores = tf.matmul(wanted, tokens, transpose_b=True)
    shares = weigh(scores + ops.sum(asked * key[1], axis=-1, keepdims=True))
    gathered = ops.reshape(ops.matmul(shares, tokens), (-1, hidden_size))
    context = ops.reshape(ops.matmul(gathered, value[0]), (-1, num_heads, width))
    # After dropout, shares don't sum to 1.
    context = context + ops.sum(shares, axis=-1, keepdims=True) * value[1]
    return ops.sum(context * is_own, axis=1)
