"""What ends each half of an encoder block: dropout, the sum, and layer norm."""

import tensorflow as tf

from bert_cpu.layers.native.operations import training_operations


def native_add_and_norm(x, change, gamma, beta, epsilon, rate, seed):
    """What `compiled.add_and_norm` is, with the same choices of dropout.

    Args:
        x, change: bfloat16 `(..., hidden_size)`, a multiple of 16.
        gamma, beta: float32 `(hidden_size,)`.
        epsilon: float. Added to the variance.
        rate: float in `[0, 1)`. Share of `change` that dropout zeroes.
        seed: int32 `(2,)`. Fixes which.

    Returns:
        A tensor like `x`.
    """
    operations = training_operations()

    @tf.custom_gradient
    def norm(x, change, gamma, beta):
        output, normed, deviation = operations.bert_cpu_add_and_norm(
            x=x,
            change=change,
            gamma=gamma,
            beta=beta,
            seed=seed,
            rate=rate,
            epsilon=epsilon,
        )
        output.set_shape(x.shape)

        def gradient(upstream):
            gradients = operations.bert_cpu_add_and_norm_gradient(
                normed=normed,
                deviation=deviation,
                upstream=upstream,
                gamma=gamma,
                seed=seed,
                rate=rate,
            )
            for each, of in zip(gradients, (x, x, gamma, gamma), strict=True):
                each.set_shape(of.shape)
            return tuple(gradients)

        return output, gradient

    return norm(x, change, gamma, beta)
