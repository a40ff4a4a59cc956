"""One encoder block: attention, then feed-forward, each added and normed."""

import keras
from keras import ops

from bert_cpu.layers.attention import SelfAttention
from bert_cpu.layers.compiled.add_and_norm import add_and_norm
from bert_cpu.layers.compiled.switch import is_compiling
from bert_cpu.layers.dropout import Dropout
from bert_cpu.layers.feed_forward import FeedForward
from bert_cpu.layers.gelu import gelu
from bert_cpu.layers.layer_norm import layer_norm
from bert_cpu.layers.native.add_and_norm import native_add_and_norm
from bert_cpu.layers.native.switch import is_native


@keras.saving.register_keras_serializable("bert_cpu")
class EncoderBlock(keras.layers.Layer):
    """Mixes what the tokens of a sequence know, then thinks about each alone.

    Norms stand after the sums (post-norm), as in the original.

    Args:
        num_heads: int. Must divide the hidden size.
        intermediate_size: int. Width of the feed-forward half.
        activation: function of a tensor, or the name of a Keras activation.
        dropout: float in `[0, 1)`. Share of each half's output that is zeroed.
        attention_dropout: float in `[0, 1)`. Of attention probabilities.
        epsilon: float. Added to the variance by the norms.
        initializer_range: float. Deviation of the truncated normal that the kernels
            start from.

    Call arguments:
        hidden_states: float `(batch, length, hidden_size)`.
        attention_mask: int or bool `(batch, length)`, nonzero at real tokens.
        first_only: bool. Work for the first token alone, which still attends to
            all: what a head that reads no other token needs of the last block.
        training: bool. With it, dropout is on.

    Output shape:
        float `(batch, length, hidden_size)`; of `first_only`, the length is 1.

    Raises:
        ValueError: if `num_heads` does not divide the hidden size.

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805, section 3.
    """

    def __init__(
        self,
        num_heads,
        intermediate_size,
        activation=gelu,
        dropout=0.0,
        attention_dropout=0.0,
        epsilon=1e-12,
        initializer_range=0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.intermediate_size = intermediate_size
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.epsilon = epsilon
        self.initializer_range = initializer_range

    def build(self, hidden_states_shape, attention_mask_shape=None):
        hidden_size = hidden_states_shape[-1]
        if hidden_size % self.num_heads:
            raise ValueError(
                f"`num_heads={self.num_heads}` does not divide the hidden size "
                f"{hidden_size}. Choose a divisor of it."
            )
        policy = self.dtype_policy
        self.attention = SelfAttention(
            self.num_heads,
            hidden_size // self.num_heads,
            dropout=self.attention_dropout,
            kernel_initializer=keras.initializers.TruncatedNormal(
                stddev=self.initializer_range
            ),
            dtype=policy,
            name="attention",
        )
        self.attention_norm = layer_norm(
            self.epsilon, "attention_norm", self.compute_dtype
        )
        self.feed_forward = FeedForward(
            self.intermediate_size,
            self.activation,
            self.initializer_range,
            dtype=policy,
            name="feed_forward",
        )
        self.output_norm = layer_norm(self.epsilon, "output_norm", self.compute_dtype)
        self._attention_dropout = Dropout(self.dropout, dtype=policy)
        self._output_dropout = Dropout(self.dropout, dtype=policy)

        self.attention.build(hidden_states_shape, hidden_states_shape)
        self.feed_forward.build(hidden_states_shape)
        self.attention_norm.build(hidden_states_shape)
        self.output_norm.build(hidden_states_shape)
        self.built = True

    def call(
        self, hidden_states, attention_mask=None, first_only=False, training=False
    ):
        mask = None if attention_mask is None else attention_mask[:, None, :]
        # Not [:, :1], of which TensorFlow can't tell that it is one where the length is
        # known only later: attention would not know that it serves one query.
        x = hidden_states[:, 0][:, None] if first_only else hidden_states
        attended = self.attention(
            x, hidden_states, attention_mask=mask, training=training
        )
        x = self._add(
            x, attended, self._attention_dropout, self.attention_norm, training
        )
        thought = self.feed_forward(x)
        return self._add(x, thought, self._output_dropout, self.output_norm, training)

    def _add(self, x, change, dropout, norm, training):
        """What each half ends with."""
        if training and is_native(self.compute_dtype, x.shape[-1]):
            fused = native_add_and_norm
        elif training and is_compiling():
            fused = add_and_norm
        else:
            total = x + dropout(change, training=training)
            return ops.cast(norm(total), self.compute_dtype)
        return fused(
            x,
            change,
            norm.gamma.value,
            norm.beta.value,
            self.epsilon,
            dropout.rate,
            dropout.draw_seed(),
        )

    def compute_output_spec(
        self, hidden_states, attention_mask=None, first_only=False, training=False
    ):
        batch, length, hidden_size = hidden_states.shape
        shape = (batch, 1 if first_only else length, hidden_size)
        return keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "num_heads": self.num_heads,
            "intermediate_size": self.intermediate_size,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "epsilon": self.epsilon,
            "initializer_range": self.initializer_range,
        }
