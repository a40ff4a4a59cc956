"""The feed-forward half of an encoder block."""

import keras
from keras import ops

from bert_cpu.layers.dense import Dense
from bert_cpu.layers.gelu import gelu


@keras.saving.register_keras_serializable("bert_cpu")
class FeedForward(keras.layers.Layer):
    """Widens each token's vector, bends it, and narrows it again.

    Args:
        intermediate_size: int. Width in the middle; four times the hidden size
            in BERT.
        activation: function of a tensor, or the name of a Keras activation.
            Default: BERT's GELU, with erf.
        initializer_range: float. Deviation of the truncated normal that the kernels
            start from.

    Call arguments:
        hidden_states: float `(batch, length, hidden_size)`.

    Output shape:
        float `(batch, length, hidden_size)`.

    Reference: Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415 (GELU).
    """

    def __init__(
        self, intermediate_size, activation=gelu, initializer_range=0.02, **kwargs
    ):
        super().__init__(**kwargs)
        self.intermediate_size = intermediate_size
        self.activation = keras.activations.get(activation)
        self.initializer_range = initializer_range

    def build(self, hidden_states_shape):
        hidden_size = hidden_states_shape[-1]
        self._widen = self._dense(self.intermediate_size, self.activation, "widen")
        self._narrow = self._dense(hidden_size, None, "narrow")
        self._widen.build((None, hidden_size))
        self._narrow.build((None, self.intermediate_size))
        self.built = True

    def call(self, hidden_states):
        # Two dimensions, so that the product is one large one.
        flat = ops.reshape(hidden_states, (-1, hidden_states.shape[-1]))
        return ops.reshape(self._narrow(self._widen(flat)), ops.shape(hidden_states))

    def compute_output_shape(self, hidden_states_shape):
        return hidden_states_shape

    def get_config(self):
        return super().get_config() | {
            "intermediate_size": self.intermediate_size,
            "activation": keras.activations.serialize(self.activation),
            "initializer_range": self.initializer_range,
        }

    def _dense(self, units, activation, name):
        start = keras.initializers.TruncatedNormal(stddev=self.initializer_range)
        return Dense(
            units,
            activation,
            kernel_initializer=start,
            dtype=self.dtype_policy,
            name=name,
        )
