"""A tiny encoder for the heads of tasks, and a stand-in for the lean graph."""

import keras
import numpy as np
import tensorflow as tf
import tiny_bundle
from transformers import BertConfig

from bert_cpu.models.encoder import build_encoder

INPUTS = {
    "input_ids": np.int32([[2, 6, 8, 3], [2, 9, 3, 0], [2, 7, 7, 3]]),
    "token_type_ids": np.int32([[0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]),
    "attention_mask": np.int32([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1]]),
}


def tiny_encoder(dropout=0.0):
    """Two blocks whose outputs differ from text to text.

    What is built on them starts the same way each time.
    """
    keras.utils.set_random_seed(0)
    encoder = build_encoder(BertConfig(**tiny_bundle.CONFIG), dropout=dropout)
    random = np.random.default_rng(0)
    for variable in encoder.variables:
        if variable.path.endswith(("/kernel", "/embeddings")):
            variable.assign(random.normal(0, 0.2, variable.shape))
    return encoder


class FakeGraph:
    """Computes a head's products from a model's weights, in NumPy.

    They go through their Hugging Face names, as on the way through a bundle.
    """

    def __init__(self, task, model):
        variables = {variable.path: variable.numpy() for variable in model.variables}
        self._pooler = variables["pooler/kernel"], variables["pooler/bias"]
        self._weights = {
            name: variables[path] for path, name in task.head_names.items()
        }
        self._products = task.lean_products

    def pooled(self, hidden):
        kernel, bias = self._pooler
        return np.tanh(hidden @ kernel + bias)

    def product(self, name, x):
        source = self._products[name]
        return x @ self._weights[f"{source}.weight"] + self._weights[f"{source}.bias"]


def lean_outputs(task, encoder, model):
    """A task's lean outputs for each sequence of `INPUTS`, one below the other."""
    graph = FakeGraph(task, model)
    hidden = encoder(INPUTS)["sequence"].numpy()  # (batch, length, hidden_size)
    rows = [
        task.lean_outputs(graph, hidden[i, :1], {k: v[i] for k, v in INPUTS.items()})
        for i in range(len(hidden))
    ]
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def train(task, model, targets, num_steps=10, learning_rate=0.02):
    """The mean loss before each of a few steps of plain gradient descent."""
    batch = INPUTS | {name: tf.constant(value) for name, value in targets.items()}
    mean_losses = []
    for _ in range(num_steps):
        with tf.GradientTape() as tape:
            losses, counts = task.losses(batch, model(INPUTS, training=True), 0.0)
            loss = tf.reduce_sum(losses) / tf.reduce_sum(counts)
        gradients = tape.gradient(loss, model.trainable_variables)
        for variable, gradient in zip(
            model.trainable_variables, gradients, strict=True
        ):
            variable.assign_sub(learning_rate * tf.convert_to_tensor(gradient))
        mean_losses.append(float(loss))
    return mean_losses
