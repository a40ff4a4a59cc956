"""A matrix product and a bias, whose gradient is summed exactly."""

import tensorflow as tf

from bert_cpu.layers.native.affine import native_affine
from bert_cpu.layers.native.switch import is_native


def affine(x, kernel, bias):
    """Computes `x @ kernel + bias`.

    TensorFlow's gradient of a bias adds up thousands of rows in the dtype that they
    come in: in bfloat16, a sum stops growing once what is added is less than a 256th
    of it, and the last layers' biases got more noise than gradient. Here the rows are
    summed by a product with ones, which oneDNN adds up in float32; it takes half the
    time as well.

    Args:
        x: float `(rows, inputs)`.
        kernel: `(inputs, outputs)`, of the same dtype.
        bias: `(outputs,)`, of the same dtype.

    Returns:
        `(rows, outputs)`, of the same dtype.
    """
    if is_native(x.dtype.name, *kernel.shape):
        return native_affine(x, kernel, bias)
    return _affine(x, kernel, bias)


@tf.custom_gradient
def _affine(x, kernel, bias):
    def gradient(upstream):
        ones = tf.ones((1, tf.shape(upstream)[0]), upstream.dtype)
        return (
            tf.matmul(upstream, kernel, transpose_b=True),
            tf.matmul(x, upstream, transpose_a=True),
            tf.matmul(ones, upstream)[0],
        )

    return tf.nn.bias_add(tf.matmul(x, kernel), bias), gradient
