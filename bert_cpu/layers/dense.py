"""Keras's Dense, as a layer's half of an encoder block needs it."""

import keras

from bert_cpu.layers.affine import affine
from bert_cpu.layers.cast_once import cast_once


@keras.saving.register_keras_serializable("bert_cpu")
class Dense(keras.layers.Dense):
    """Keras's layer, with Keras's arguments and weights, for rows of features.

    Its bias learns from an exact sum in bfloat16, too; see `affine`.

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
