"""Keras's Dense, whose bias learns exactly in bfloat16 as well."""

import keras

from bert_cpu.layers.affine import affine
from bert_cpu.layers.cast_once import cast_once


@keras.saving.register_keras_serializable("bert_cpu")
class Dense(keras.layers.Dense):
    """Keras's layer, with its arguments (all but `use_bias`) and weights, for rows.

    `affine` computes it, and its bias's gradient.

    Call arguments:
        inputs: float `(rows, features)`.

    Output shape:
        float `(rows, units)`.
    """

    def call(self, inputs, training=None):
        kernel, bias = (
            cast_once(weight, self.compute_dtype) for weight in (self.kernel, self.bias)
        )
        return self.activation(affine(inputs, kernel, bias))
