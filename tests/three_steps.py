"""A few steps of a tiny BERT, in as many processes as TF_CONFIG says.

Run as `python three_steps.py DIRECTORY ACCUMULATE`: `records` and `encoder` are in
the directory, and the weights of each worker are written there,
and what dropout leaves of ones in each.
"""

import os
import pathlib
import sys

import keras
import numpy as np
import safetensors.numpy
import tensorflow as tf

from bert_cpu.data.manifest import load_manifest
from bert_cpu.data.pipeline import training_batches
from bert_cpu.layers.dropout import Dropout
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.models.encoder import build_encoder
from bert_cpu.tasks.classify import Classify
from bert_cpu.training import choose_sum, sum_gradients, sum_in_memory
from bert_cpu.training.cluster.read_cluster import read_cluster
from bert_cpu.training.optimizer import AdamW
from bert_cpu.training.step import make_train_step
from bert_cpu.training.strategy import make_strategy, wait_for_all

NUM_STEPS = 3
BATCH_SIZE = 30


def train(directory, cluster, accumulate):
    """One epoch of three batches without dropout; gives losses, weights,
    and what dropout leaves of ones."""
    strategy = make_strategy(cluster)
    keras.utils.set_random_seed(0)
    task = Classify()
    manifest = load_manifest(directory / "records")
    checkpoint = open_checkpoint(str(directory / "encoder"))
    with strategy.scope():
        encoder = build_encoder(checkpoint.config, dropout=0.0)
        model = task.build(encoder, manifest.labels, dropout=0.0)
        checkpoint.assign_to(model)
        # An epsilon that keeps Adam from blowing up roundings of gradients near 0.
        optimizer = AdamW(0.01, clip_norm=1.0, ema_momentum=0.5, epsilon=1e-3)
    batches = training_batches(
        manifest,
        BATCH_SIZE,
        seed=0,
        epoch=0,
        worker=cluster.index,
        num_workers=cluster.num_workers,
    )
    if cluster.num_workers > 1:
        # As if tables were large for so few tokens, so that rows of them are gathered.
        for module in (sum_gradients, sum_in_memory):
            module.is_gathered = lambda *_: True
        if cluster.shares_memory:
            choose_sum.make_gradient_sum = never
    chosen, _ = choose_sum.choose_gradient_sum(
        strategy,
        cluster,
        model.trainable_variables,
        BATCH_SIZE * manifest.max_length if accumulate == 1 else None,
    )
    step = make_train_step(
        model,
        task.losses,
        optimizer,
        strategy,
        accumulate,
        batches.element_spec,
        sum_gradients=chosen,
    )
    losses = []
    for number, batch in enumerate(batches, start=1):
        is_update = number % accumulate == 0 or number == NUM_STEPS
        # Only the first worker is asked to stop, and only in the last step.
        asked = float(number == NUM_STEPS and cluster.is_chief)
        loss, stops = step(batch, is_update, keras.ops.convert_to_tensor(asked))
        assert float(stops) == float(number == NUM_STEPS)
        losses.append(float(loss))
    weights = {v.path: v.numpy() for v in model.trainable_variables}
    for path, average in zip(
        list(weights), optimizer._model_variables_moving_average, strict=True
    ):
        weights[f"average of {path}"] = average.numpy()
    dropped = drop(strategy)
    wait_for_all(strategy, cluster)
    return losses, weights, dropped


def never(*_):
    """In place of what sums over the network."""

    def sum_gradients(*_):
        raise AssertionError("not summed in memory")

    return sum_gradients


def drop(strategy):
    """What each replica makes of ones, two times: float32 `(2, 999)`."""
    with strategy.scope():
        layer = Dropout(0.5, seed=1)

    @tf.function
    def twice():
        ones = tf.ones(999)
        return strategy.run(
            lambda: tf.stack([layer(ones, training=True) for _ in range(2)])
        )

    return strategy.experimental_local_results(twice())[0].numpy()


if __name__ == "__main__":
    here = pathlib.Path(sys.argv[1])
    this = read_cluster(os.environ)
    _, trained, choices = train(here, this, int(sys.argv[2]))
    safetensors.numpy.save_file(trained, here / f"worker-{this.index}.safetensors")
    np.save(here / f"dropped-{this.index}.npy", choices)
