"""A matrix product and a bias, and their gradients."""

import tensorflow as tf

from bert_cpu.layers.native.operations import training_operations


@tf.custom_gradient
def native_affine(x, kernel, bias):
    """What `layers.affine` is, of bfloat16 matrices, with sums in float32.

    One operation makes all three gradients, and reads what they share once.

    Args:
        x: bfloat16 `(rows, inputs)`, a multiple of 16.
        kernel: bfloat16 `(inputs, outputs)`, a multiple of 16.
        bias: bfloat16 `(outputs,)`.

    Returns:
        bfloat16 `(rows, outputs)`.
    """
    operations = training_operations()
    y = operations.bert_cpu_affine(x=x, kernel=kernel, bias=bias)
    y.set_shape((x.shape[0], kernel.shape[1]))

    def gradient(upstream):
        gradients = operations.bert_cpu_affine_gradient(
            x=x, kernel=kernel, upstream=upstream
        )
        for each, of in zip(gradients, (x, kernel, bias), strict=True):
            each.set_shape(of.shape)
        return tuple(gradients)

    return y, gradient
