"""A classifier that costs nothing: the mean of its words, normed.

It takes a batch as BERT does, so the loop and the step can't tell it from BERT.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from bert_cpu.training.optimizer import AdamW
from bert_cpu.training.step import make_train_step

NUM_WORDS = 320


def build(dropout=0.0, seed=0, num_labels=2):
    """keras.Model from a dict of features to `logits`, `(batch, num_labels)`."""
    keras.utils.set_random_seed(seed)
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("input_ids", "token_type_ids", "attention_mask")
    }
    x = keras.layers.Embedding(NUM_WORDS, 8, name="words")(inputs["input_ids"])
    x = x + keras.layers.Embedding(2, 8, name="kinds")(inputs["token_type_ids"])
    mask = ops.cast(inputs["attention_mask"], "float32")[..., None]
    x = ops.sum(x * mask, axis=1) / ops.sum(mask, axis=1)
    x = keras.layers.LayerNormalization(name="norm")(x)
    x = keras.layers.Dropout(dropout)(x)
    logits = keras.layers.Dense(num_labels, name="logits")(x)
    return keras.Model(inputs, {"logits": logits})


def losses(batch, outputs):
    """Cross-entropy of each example, and ones: each is one thing to learn."""
    each = keras.losses.sparse_categorical_crossentropy(
        batch["label"], outputs["logits"], from_logits=True
    )
    return each, ops.ones_like(each)


def make_step(model, optimizer=None, accumulate=1, batch_spec=None, **options):
    """`(train_step, optimizer)` in this process alone."""
    optimizer = optimizer or AdamW(0.01, **options)
    strategy = tf.distribute.get_strategy()
    step = make_train_step(model, losses, optimizer, strategy, accumulate, batch_spec)
    return step, optimizer


def make_batch(lengths, seed=0, weights=None):
    """Random sequences of few words, so that words are repeated."""
    random = np.random.default_rng(seed)
    shape = (len(lengths), max(lengths))
    mask = (np.arange(shape[1]) < np.array(lengths)[:, None]).astype("int32")
    batch = {
        "input_ids": random.integers(1, 6, shape).astype("int32") * mask,
        "token_type_ids": random.integers(0, 2, shape).astype("int32") * mask,
        "attention_mask": mask,
        "label": random.integers(0, 2, len(lengths)).astype("int32"),
        "weight": np.array(weights or [1.0] * len(lengths), "float32"),
    }
    return {name: tf.constant(value) for name, value in batch.items()}


def rows_of(batch, start, end):
    """Some of a batch's rows, padded no more than they need."""
    part = {name: value[start:end] for name, value in batch.items()}
    length = int(tf.reduce_max(tf.reduce_sum(part["attention_mask"], axis=1)))
    return {
        name: value[:, :length] if value.shape.rank == 2 else value
        for name, value in part.items()
    }


def weights_of(model):
    return {v.path: v.numpy() for v in model.trainable_variables}
