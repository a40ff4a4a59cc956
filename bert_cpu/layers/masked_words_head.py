"""Guesses hidden words: the head that BERT is pre-trained with."""

import keras
import tensorflow as tf
from keras import ops

from bert_cpu.layers.cast_once import cast_once
from bert_cpu.layers.dense import Dense
from bert_cpu.layers.gelu import gelu
from bert_cpu.layers.layer_norm import layer_norm


class MaskedWordsHead(keras.layers.Layer):
    """Says which word of the vocabulary stands at each hidden position.

    A position's vector is transformed, normed, and compared with the vector of
    every word: the table is the one that the encoder reads words with. Whatever
    is asked of a few positions is computed for those alone, so that the product
    with the table, the largest of all, is about a seventh of what a whole
    sequence would need.

    The table stays one variable with one path and one place in an optimizer. Its
    gradient is the sum of both its uses.

    Args:
        word_table: keras.Variable `(vocab_size, hidden_size)`, the encoder's.
        activation: function of a tensor, or the name of a Keras activation; the
            encoder's.
        epsilon: float. Added to the variance by the norm; the encoder's.
        initializer_range: float. Deviation of the truncated normal that the kernel
            starts from; the encoder's.

    Call arguments:
        hidden_states: float `(batch, length, hidden_size)`.
        masked_positions: int32 `(batch, predictions)`, each in `[0, length)`.

    Output shape:
        float32 `(batch, predictions, vocab_size)`, logits.

    References:
        Devlin et al. 2018, https://arxiv.org/abs/1810.04805, section 3.1.
        Press and Wolf 2016, https://arxiv.org/abs/1608.05859 (one table).
    """

    def __init__(
        self,
        word_table,
        activation=gelu,
        epsilon=1e-12,
        initializer_range=0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.word_table = word_table
        self.activation = keras.activations.get(activation)
        self.epsilon = epsilon
        self.initializer_range = initializer_range

    def build(self, hidden_states_shape, masked_positions_shape):
        vocab_size, hidden_size = self.word_table.shape
        self._transform = Dense(
            hidden_size,
            self.activation,
            kernel_initializer=keras.initializers.TruncatedNormal(
                stddev=self.initializer_range
            ),
            dtype=self.dtype_policy,
            name="transform",
        )
        self._norm = layer_norm(self.epsilon, "norm", self.compute_dtype)
        # Added to float32 logits, whatever the products were computed in.
        self._bias = self.add_weight(
            shape=(vocab_size,),
            initializer="zeros",
            dtype="float32",
            autocast=False,
            name="bias",
        )
        self._transform.build((None, hidden_size))
        self._norm.build((None, hidden_size))
        self.built = True

    def call(self, hidden_states, masked_positions):
        vocab_size, hidden_size = self.word_table.shape
        x = tf.gather(hidden_states, masked_positions, batch_dims=1)
        x = ops.reshape(x, (-1, hidden_size))  # (batch * predictions, hidden_size)
        x = ops.cast(self._norm(self._transform(x)), self.compute_dtype)
        table = cast_once(self.word_table, self.compute_dtype)
        logits = ops.cast(tf.matmul(x, table, transpose_b=True), "float32")
        batch, predictions = ops.shape(masked_positions)
        return ops.reshape(logits + self._bias, (batch, predictions, vocab_size))

    def compute_output_spec(self, hidden_states, masked_positions):
        shape = (*masked_positions.shape, self.word_table.shape[0])
        return keras.KerasTensor(shape, "float32")
