"""Attention between its projections, forwards and backwards."""

import tensorflow as tf

from bert_cpu.layers.native.operations import training_operations


def native_attention(projected, blocked, num_heads, scale, rate, seed):
    """What each head gathers for all tokens of a sequence.

    The weights of `compiled.attention_weights`, with the same choices of dropout, but
    of scores that are not rounded to bfloat16. None of them is kept: the gradient makes
    them again, so that memory grows with the length and not with its square.

    Args:
        projected: bfloat16 `(batch * length, 3 * width)`: queries, keys and values,
            each with heads side by side, `width / num_heads` a multiple of 16.
        blocked: float32 `(batch, length)`. What is added to scores: 0, or large and
            negative where a key may not be attended to.
        num_heads: int.
        scale: float. Multiplies scores before.
        rate: float in `[0, 1)`. Share of weights that dropout zeroes.
        seed: int32 `(2,)`. Fixes which.

    Returns:
        bfloat16 `(batch * length, width)`, heads side by side.

    Reference: Dao et al. 2022, https://arxiv.org/abs/2205.14135.
    """
    operations = training_operations()
    settings = {"heads": num_heads, "scale": scale, "rate": rate}

    @tf.custom_gradient
    def attend(projected):
        context, kept = operations.bert_cpu_attention(
            projected=projected, blocked=blocked, seed=seed, **settings
        )
        context.set_shape((projected.shape[0], projected.shape[1] // 3))

        def gradient(upstream):
            to_projected = operations.bert_cpu_attention_gradient(
                projected=projected,
                blocked=blocked,
                seed=seed,
                kept=kept,
                upstream=upstream,
                **settings,
            )
            to_projected.set_shape(projected.shape)
            return to_projected

        return context, gradient

    return attend(projected)
