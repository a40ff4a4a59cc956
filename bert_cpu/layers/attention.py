"""Self-attention: Keras's MultiHeadAttention, computed the way a CPU likes."""

import math

import keras
from keras import ops

from bert_cpu.layers.affine import affine
from bert_cpu.layers.attend_for_one import attend_for_one
from bert_cpu.layers.cast_once import cast_once
from bert_cpu.layers.compiled.attention_weights import attention_weights
from bert_cpu.layers.compiled.switch import is_compiling
from bert_cpu.layers.dropout import Dropout
from bert_cpu.layers.exact_dtype import exact_dtype
from bert_cpu.layers.native.attention import native_attention
from bert_cpu.layers.native.switch import is_native

# What a masked score becomes. Large enough to leave nothing after softmax, and
# finite, so that a row whose keys are all masked is even instead of NaN.
_MASKED = -1e9


@keras.saving.register_keras_serializable("bert_cpu")
class SelfAttention(keras.layers.MultiHeadAttention):
    """Lets each token gather from all tokens of its sequence.

    It is Keras's layer, with Keras's arguments and weights. It computes the
    projections of one tensor as one matrix product and keeps all products
    two-dimensional, which is what a CPU's matrix kernels are made for. Any other
    call (a key of its own, a causal mask, Keras's own masks, the scores) is the
    parent's.

    Args:
        num_heads: int.
        key_dim: int. Features per head; `hidden_size // num_heads` in BERT.
        dropout: float in `[0, 1)`. Share of attention probabilities zeroed.

    Call arguments:
        query: float `(batch, queries, hidden_size)`; `value` itself, or some of its
            tokens.
        value: float `(batch, length, hidden_size)`.
        attention_mask: bool `(batch, 1, length)` or `(batch, queries, length)`,
            true where a key may be attended to.
        training: bool. With it, dropout is on.

    Output shape:
        float `(batch, queries, hidden_size)`.

    Reference: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, section 3.2.
    """

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=False,
        use_causal_mask=False,
    ):
        other_masks = (query_mask, value_mask, key_mask)
        if (
            not (key is None or key is value)
            or not self._is_plain
            or len(query.shape) != 3
            or len(value.shape) != 3
            or any(mask is not None for mask in other_masks)
            or (attention_mask is not None and len(attention_mask.shape) != 3)
            or return_attention_scores
            or use_causal_mask
        ):
            return super().call(
                query,
                value,
                key=key,
                query_mask=query_mask,
                value_mask=value_mask,
                key_mask=key_mask,
                attention_mask=attention_mask,
                return_attention_scores=return_attention_scores,
                training=training,
                use_causal_mask=use_causal_mask,
            )
        if query.shape[1] == 1 and query is not value:
            return self._attend_for_one(query, value, attention_mask, training)
        is_of_keys = attention_mask is None or attention_mask.shape[1] == 1
        if (
            training
            and query is value
            and is_of_keys
            and is_native(self.compute_dtype, self.key_dim)
        ):
            return self._attend_natively(value, attention_mask)
        if query is value:
            query, key, value = self._project(
                value, self._query_dense, self._key_dense, self._value_dense
            )
        else:
            (query,) = self._project(query, self._query_dense)
            key, value = self._project(value, self._key_dense, self._value_dense)
        scores = ops.matmul(query, ops.swapaxes(key, -1, -2))
        probabilities = self._weigh(scores, attention_mask, training)
        return self._merge(ops.matmul(probabilities, value))

    def _attend_for_one(self, query, value, attention_mask, training):
        context = attend_for_one(
            affine(query[:, 0], *self._weights_of(self._query_dense)),
            value,
            self._weights_of(self._key_dense),
            self._weights_of(self._value_dense),
            self.num_heads,
            lambda scores: self._weigh(scores[:, :, None], attention_mask, training)[
                :, :, 0
            ],
        )
        return affine(context, *self._weights_of(self._output_dense))[:, None]

    def _attend_natively(self, tokens, attention_mask):
        if attention_mask is None:
            blocked = ops.zeros(ops.shape(tokens)[:2], "float32")
        else:
            blocked = _blocked(attention_mask, "float32")[:, 0]
        context = native_attention(
            self._project_rows(
                tokens, self._query_dense, self._key_dense, self._value_dense
            ),
            blocked,
            self.num_heads,
            self._inverse_sqrt_key_dim,
            self.dropout,
            self._dropout_layer.draw_seed(),
        )
        output = affine(context, *self._weights_of(self._output_dense))
        return ops.reshape(output, ops.shape(tokens))

    def _weigh(self, scores, attention_mask, training):
        """Scores `(batch, heads, queries, length)` -> shares that sum to 1 or so."""
        # Sums over many keys lose too much in bfloat16, so softmax is not.
        dtype = exact_dtype(self.compute_dtype)
        if attention_mask is None:
            added = ops.zeros((1, 1, 1), dtype)
        else:
            added = _blocked(attention_mask, dtype)
        # One query has little to save, and XLA would compile it for each length.
        if training and is_compiling() and scores.shape[2] != 1:
            return attention_weights(
                scores,
                added,
                self._inverse_sqrt_key_dim,
                self.dropout,
                self._dropout_layer.draw_seed(),
            )
        scores = ops.cast(scores, dtype) * self._inverse_sqrt_key_dim
        probabilities = ops.softmax(scores + added[:, None])
        probabilities = ops.cast(probabilities, self.compute_dtype)
        return self._dropout_layer(probabilities, training=training)

    @property
    def _is_plain(self):
        return (
            self.use_bias
            and self.value_dim == self.key_dim
            and self._output_shape is None
            and self._sliding_window is None
            and self._activity_regularizer is None
            and not self._use_gate
        )

    def _project(self, hidden_states, *denses):
        """`(batch, length, hidden)` -> a `(batch, heads, length, key_dim)` each."""
        projected = self._project_rows(hidden_states, *denses)
        batch, length = ops.shape(hidden_states)[:2]
        shape = (batch, length, len(denses), self.num_heads, self.key_dim)
        return ops.unstack(
            ops.transpose(ops.reshape(projected, shape), (2, 0, 3, 1, 4)),
            num=len(denses),
        )

    def _project_rows(self, hidden_states, *denses):
        """`(batch, length, hidden)` -> `(batch * length, n * heads * key_dim)`."""
        kernels, biases = zip(*map(self._weights_of, denses), strict=True)
        flat = ops.reshape(hidden_states, (-1, hidden_states.shape[-1]))
        return affine(flat, ops.concatenate(kernels, axis=1), ops.concatenate(biases))

    def _merge(self, context):
        """`(batch, heads, queries, key_dim)` -> `(batch, queries, hidden)`."""
        batch, _, length, _ = ops.shape(context)
        merged_size = self.num_heads * self.key_dim
        flat = ops.reshape(ops.transpose(context, (0, 2, 1, 3)), (-1, merged_size))
        output = affine(flat, *self._weights_of(self._output_dense))
        return ops.reshape(output, (batch, length, output.shape[-1]))

    def _weights_of(self, dense):
        """Kernel and bias of a projection in two dimensions and one."""
        size = math.prod(dense.bias.shape)
        return tuple(
            ops.reshape(cast_once(weight, self.compute_dtype), shape)
            for weight, shape in ((dense.kernel, (-1, size)), (dense.bias, (size,)))
        )

    def _build_attention(self, rank):
        super()._build_attention(rank)
        self._dropout_layer = Dropout(
            self.dropout, seed=self.seed, dtype=self.dtype_policy
        )


def _blocked(attention_mask, dtype):
    """What is added to scores: 0, or `_MASKED` where a key may not be attended to."""
    return ops.cast(ops.logical_not(ops.cast(attention_mask, "bool")), dtype) * _MASKED
