"""GELU and its gradient."""

import tensorflow as tf

from bert_cpu.layers.native.operations import training_operations


@tf.custom_gradient
def native_gelu(x):
    """What `layers.gelu` is, of bfloat16 numbers, computed in float32."""
    operations = training_operations()
    y = operations.bert_cpu_gelu(x=x)
    y.set_shape(x.shape)

    def gradient(upstream):
        to_x = operations.bert_cpu_gelu_gradient(x=x, upstream=upstream)
        to_x.set_shape(x.shape)
        return to_x

    return y, gradient
