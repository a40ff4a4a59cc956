"""BERT as the fewest operations that one sequence of a fixed length needs.

A model that is trained carries what inference never uses: dropout, a batch axis,
shapes worked out at run time, three projections where one would do. Here the same
weights are laid out for answering one sequence on a CPU.

What differs from the textbook encoder, and why the answer doesn't:

- Query, key and value are one matrix product, `(length, 3 * hidden_size)`.
- The factor `1 / sqrt(head_size)` is already in the query's weights.
- There is no batch axis: every product outside attention is of two matrices.
- The last block works for the first token only: the head reads nothing else.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from bert_cpu.errors import UserError
from bert_cpu.export.lean_weights import int8_rows, lean_weights

# By the names of config.json's `hidden_act`. The converter knows both kinds of GELU
# again by their TensorFlow form, and makes one operation of each.
_ACTIVATIONS = {
    "gelu": lambda x: tf.nn.gelu(x, approximate=False),
    "gelu_new": lambda x: tf.nn.gelu(x, approximate=True),
    "gelu_pytorch_tanh": lambda x: tf.nn.gelu(x, approximate=True),
    "relu": tf.nn.relu,
    "silu": tf.nn.silu,
    "swish": tf.nn.silu,
}

# Added to the attention scores of padding. Beside a real token's score its
# exponential is 0 in float32, and unlike -inf it makes no NaN if all is padding.
_PENALTY = -1e4


class LeanGraph(tf.Module):
    """A classifier of one sequence, from Hugging Face weights.

    Args:
        weights: name -> array, the names of Hugging Face's
            `BertForSequenceClassification`, matrices stored `(out, in)`.
        config: the fields of the bundle's `config.json`.
        int8_words: keep the word table as int8 with one float32 step a row. The
            converter would give the whole table one step, as wide as its largest
            row needs.

    Raises:
        UserError: if the activation is not supported, or a weight is missing.

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805.
    """

    def __init__(
        self,
        weights: Mapping[str, np.ndarray],
        config: Mapping[str, Any],
        int8_words: bool = False,
    ):
        super().__init__()
        activation = config["hidden_act"]
        if activation not in _ACTIVATIONS:
            raise UserError(
                f"The model's hidden_act is '{activation}', which can't be exported "
                f"(these can: {', '.join(_ACTIVATIONS)}). Train from another encoder."
            )
        self._activation = _ACTIVATIONS[activation]
        self._num_blocks = config["num_hidden_layers"]
        self._num_heads = config["num_attention_heads"]
        self._epsilon = config["layer_norm_eps"]
        values = lean_weights(weights, config)
        if int8_words:
            values["words"], steps = int8_rows(values["words"])
            # The converter would quantize a float column as well: count it in
            # whole units, 2**30 of which are the widest step.
            self._unit = float(steps.max()) / 2**30
            values["word_steps"] = np.round(steps / self._unit).astype(np.int32)
        # As variables, not constants, all signatures share one copy in the file.
        self._weights = {
            name: tf.Variable(value, trainable=False) for name, value in values.items()
        }

    def signature(self, length: int) -> Any:
        """The graph for sequences padded to `length` tokens.

        Returns:
            A concrete function of int32 `input_ids`, `token_type_ids` and
            `attention_mask`, each `(1, length)`, to
            `{"logits": float32 (1, num_labels)}`.
        """
        ids = tf.TensorSpec((1, length), tf.int32)
        return tf.function(self._logits).get_concrete_function(
            input_ids=ids, token_type_ids=ids, attention_mask=ids
        )

    def _logits(self, input_ids, token_type_ids, attention_mask):
        x = self._embed(input_ids[0], token_type_ids[0])  # (length, hidden_size)
        penalty = (1.0 - tf.cast(attention_mask, tf.float32)) * _PENALTY
        for block in range(self._num_blocks):
            x = self._block(str(block), x, penalty, block == self._num_blocks - 1)
        pooled = tf.tanh(self._product("pooler", x))  # (1, hidden_size)
        return {"logits": self._product("classifier", pooled)}

    def _embed(self, input_ids, token_type_ids):
        words = tf.gather(self._weights["words"], input_ids)
        if words.dtype == tf.int8:
            steps = tf.gather(self._weights["word_steps"], input_ids)
            steps = tf.cast(steps, tf.float32) * self._unit  # (length, 1)
            words = tf.cast(words, tf.float32) * steps
        x = words + self._weights["positions"][: input_ids.shape[0]]
        x += tf.gather(self._weights["segments"], token_type_ids)
        return self._norm("embeddings", x)

    def _block(self, name, x, penalty, is_last):
        if is_last:
            key, value = tf.split(self._heads(self._product(f"{name}/kv", x), 2), 2)
            x = x[:1]
            query = self._heads(self._product(f"{name}/query", x), 1)
        else:
            qkv = self._heads(self._product(f"{name}/qkv", x), 3)
            query, key, value = tf.split(qkv, 3)  # (num_heads, length, head_size)
        scores = tf.matmul(query, key, transpose_b=True) + penalty
        attended = tf.matmul(tf.nn.softmax(scores), value)
        # (num_heads, queries, head_size) -> (queries, hidden_size)
        attended = tf.reshape(tf.transpose(attended, (1, 0, 2)), x.shape)

        x += self._product(f"{name}/attention", attended)
        x = self._norm(f"{name}/attention_norm", x)
        grown = self._activation(self._product(f"{name}/grow", x))
        x += self._product(f"{name}/shrink", grown)
        return self._norm(f"{name}/output_norm", x)

    def _heads(self, joined, parts):
        """(length, parts * hidden_size) -> (parts * num_heads, length, head_size)."""
        length, width = joined.shape
        shape = (length, parts * self._num_heads, width // parts // self._num_heads)
        return tf.transpose(tf.reshape(joined, shape), (1, 0, 2))

    def _product(self, name, x):
        bias = self._weights[f"{name}/bias"]
        return tf.matmul(x, self._weights[f"{name}/kernel"]) + bias

    def _norm(self, name, x):
        centered = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centered), axis=-1, keepdims=True)
        normed = centered * tf.math.rsqrt(variance + self._epsilon)
        return normed * self._weights[f"{name}/gamma"] + self._weights[f"{name}/beta"]
