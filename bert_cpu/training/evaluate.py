"""A model's answers to a whole split."""

import contextlib
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from bert_cpu.data.manifest import Manifest
from bert_cpu.data.pipeline import evaluation_batches
from bert_cpu.training.optimizer import AdamW

# Without gradients to hold, more fits than in training, and is a little faster.
_BATCH_SIZE = 64


def predict_split(
    predict_step: Callable, manifest: Manifest, split: str
) -> tuple[np.ndarray, np.ndarray]:
    """Runs a model over a split.

    Args:
        predict_step: as `make_predict_step` returns it.
        manifest: of the prepared records.
        split: str.

    Returns:
        labels, int32 `(examples,)`, and outputs, float32 `(examples, …)`, in
        the order of the records.
    """
    labels, outputs, indices = [], [], []
    for batch in evaluation_batches(manifest, split, _BATCH_SIZE):
        labels.append(batch["label"].numpy())
        outputs.append(predict_step(batch).numpy())
        indices.append(batch["index"].numpy())
    order = np.argsort(np.concatenate(indices))
    return np.concatenate(labels)[order], np.concatenate(outputs)[order]


def evaluate_split(
    predict_step: Callable, task, manifest: Manifest, split: str
) -> dict:
    """Runs a model over a split and measures: the task's metrics and `loss`."""
    labels, outputs = predict_split(predict_step, manifest, split)
    losses = task.losses(tf.constant(labels), tf.constant(outputs))
    measured = task.metrics(labels, outputs, manifest.labels)
    return {"loss": float(np.mean(losses)), **measured}


@contextlib.contextmanager
def average_swapped_in(optimizer: AdamW, model: keras.Model) -> Iterator[None]:
    """Lends a model the moving average of its weights, where one is kept."""
    if not optimizer.use_ema:
        yield
        return
    own = [variable.numpy() for variable in model.trainable_variables]
    for variable, average in zip(
        model.trainable_variables,
        optimizer._model_variables_moving_average,
        strict=True,
    ):
        variable.assign(average)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, own, strict=True):
            variable.assign(value)
