"""BERT as the fewest operations that one sequence of a fixed length needs.

A model that is trained carries what inference never uses: dropout, a batch axis,
shapes worked out at run time, three projections where one would do. Here the same
weights are laid out for answering one sequence on a CPU.

What differs from the textbook encoder, and why the answer doesn't:

- Query, key and value are one matrix product, `(length, 3 * hidden_size)`.
- The factor `1 / sqrt(head_size)` is already in the query's weights.
- There is no batch axis: every product outside attention is of two matrices.
- The last block works for the first token only, where the head reads nothing else.
"""

import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from bert_cpu.errors import UserError
from bert_cpu.export.lean_weights import int8_rows, lean_weights
from bert_cpu.task import Task

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
    """An encoder of one sequence with a task's head, from Hugging Face weights.

    Args:
        weights: name -> array, the names of transformers' class for the task,
            matrices stored `(out, in)`.
        config: the fields of the bundle's `config.json`.
        task: whose head is on the encoder.
        token_ids: special token -> its id.
        int8_words: keep the word table as int8 with one float32 step a row. The
            converter would give the whole table one step, as wide as its largest
            row needs.

    Raises:
        UserError: if the activation is not supported, or a weight is missing (that of
            the pooler by `signature`, since not every task reads it).

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805.
    """

    def __init__(
        self,
        weights: Mapping[str, np.ndarray],
        config: Mapping[str, Any],
        task: Task,
        token_ids: Mapping[str, int] | None = None,
        int8_words: bool = False,
    ):
        super().__init__()
        activation = config["hidden_act"]
        if activation not in _ACTIVATIONS:
            raise UserError(
                f"The model's hidden_act is '{activation}', which can't be exported "
                f"(these can: {', '.join(_ACTIVATIONS)}). Train from another encoder."
            )
        self.activation = _ACTIVATIONS[activation]
        # A plain dict would be taken for weights to save.
        self.token_ids = types.MappingProxyType(token_ids or {})
        self._task = task
        self._num_blocks = config["num_hidden_layers"]
        self._num_heads = config["num_attention_heads"]
        self._is_short = task.reads_first_token
        self._epsilon = config["layer_norm_eps"]
        values = lean_weights(weights, config, task)
        if int8_words:
            if task.multiplies_words:
                # Rows with steps of their own can't be multiplied with: a second
                # copy, which the converter rounds its own way.
                values["decoder"] = values["words"]
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
            `attention_mask`, each `(1, length)`, to the task's outputs for one
            sequence, float32 `(1, …)`.
        """
        ids = tf.TensorSpec((1, length), tf.int32)
        # Nothing in it hangs on a value; and errors come out as they were raised.
        return tf.function(self._outputs, autograph=False).get_concrete_function(
            input_ids=ids, token_type_ids=ids, attention_mask=ids
        )

    def product(self, name, x):
        """`x` times a matrix, plus its bias: `(rows, in)` -> `(rows, out)`."""
        bias = self._weights[f"{name}/bias"]
        return tf.matmul(x, self._weights[f"{name}/kernel"]) + bias

    def bias(self, name):
        """One of the task's vectors to add, `(out,)`."""
        return self._weights[f"{name}/bias"]

    def pooled(self, x):
        """The pooler's view of tokens, `(rows, hidden_size)`."""
        if "pooler/kernel" not in self._weights:
            raise UserError(
                "The bundle has no weight 'bert.pooler.dense.weight', which its task "
                "reads. Train again, or restore its model.safetensors."
            )
        return tf.tanh(self.product("pooler", x))

    def norm(self, name, x):
        """Layer norm of each row."""
        centered = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centered), axis=-1, keepdims=True)
        normed = centered * tf.math.rsqrt(variance + self._epsilon)
        return normed * self._weights[f"{name}/gamma"] + self._weights[f"{name}/beta"]

    def words_product(self, x):
        """Each row times each word: `(rows, hidden_size)` -> `(rows, vocab_size)`."""
        words = self._weights.get("decoder", self._weights["words"])
        return tf.matmul(x, words, transpose_b=True)

    def _outputs(self, input_ids, token_type_ids, attention_mask):
        x = self._embed(input_ids[0], token_type_ids[0])  # (length, hidden_size)
        penalty = (1.0 - tf.cast(attention_mask, tf.float32)) * _PENALTY
        for block in range(self._num_blocks):
            is_last = block == self._num_blocks - 1
            x = self._block(str(block), x, penalty, is_last and self._is_short)
        inputs = {
            "input_ids": input_ids[0],
            "token_type_ids": token_type_ids[0],
            "attention_mask": attention_mask[0],
        }
        return self._task.lean_outputs(self, x, inputs)

    def _embed(self, input_ids, token_type_ids):
        words = tf.gather(self._weights["words"], input_ids)
        if words.dtype == tf.int8:
            steps = tf.gather(self._weights["word_steps"], input_ids)
            steps = tf.cast(steps, tf.float32) * self._unit  # (length, 1)
            words = tf.cast(words, tf.float32) * steps
        x = words + self._weights["positions"][: input_ids.shape[0]]
        x += tf.gather(self._weights["segments"], token_type_ids)
        return self.norm("embeddings", x)

    def _block(self, name, x, penalty, first_only):
        if first_only:
            key, value = tf.split(self._heads(self.product(f"{name}/kv", x), 2), 2)
            x = x[:1]
            query = self._heads(self.product(f"{name}/query", x), 1)
        else:
            qkv = self._heads(self.product(f"{name}/qkv", x), 3)
            query, key, value = tf.split(qkv, 3)  # (num_heads, length, head_size)
        scores = tf.matmul(query, key, transpose_b=True) + penalty
        attended = tf.matmul(tf.nn.softmax(scores), value)
        # (num_heads, queries, head_size) -> (queries, hidden_size)
        attended = tf.reshape(tf.transpose(attended, (1, 0, 2)), x.shape)

        x += self.product(f"{name}/attention", attended)
        x = self.norm(f"{name}/attention_norm", x)
        grown = self.activation(self.product(f"{name}/grow", x))
        x += self.product(f"{name}/shrink", grown)
        return self.norm(f"{name}/output_norm", x)

    def _heads(self, joined, parts):
        """(length, parts * hidden_size) -> (parts * num_heads, length, head_size)."""
        length, width = joined.shape
        shape = (length, parts * self._num_heads, width // parts // self._num_heads)
        return tf.transpose(tf.reshape(joined, shape), (1, 0, 2))
