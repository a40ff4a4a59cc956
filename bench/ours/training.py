"""Ours: training steps, in float32 or in what the project chooses here."""

import json
import pathlib
from typing import Any

from bench.ours.chosen_dtype import chosen_dtype
from bench.step_batch import (
    CLIP_NORM,
    LEARNING_RATE,
    NUM_CHECKED_STEPS,
    WEIGHT_DECAY,
    step_batch,
)
from bert_cpu.commands.start_tensorflow import start_tensorflow


def open_case(given: dict[str, Any]) -> "Training":
    start_tensorflow(given["dtype"])
    return Training(given)


class Training:
    """AdamW steps on one batch.

    Args:
        given: `batch`, `length`, `dropout` and `dtype`; `checkpoint`, or `shape` (the
            fields of a config.json) for random weights.
    """

    def __init__(self, given: dict[str, Any]):
        import tensorflow as tf

        self._dtype = chosen_dtype(given["dtype"])
        self._given = given
        ids, labels = step_batch(given)
        self._batch = {
            "input_ids": tf.constant(ids),
            "token_type_ids": tf.zeros(ids.shape, tf.int32),
            "attention_mask": tf.ones(ids.shape, tf.int32),
            "label": tf.constant(labels),
            "weight": tf.ones(len(labels)),
        }
        self._step = self._make_step(self._make_model(given["dropout"]))

    def check(self) -> dict[str, Any]:
        """Logits before, and losses of some steps without dropout."""
        model = self._make_model(0.0)
        inputs = {name: self._batch[name] for name in model.input}
        logits = model(inputs, training=False)["logits"].numpy().tolist()
        step = self._make_step(model)
        return {
            "logits": logits,
            "losses": [step() for _ in range(NUM_CHECKED_STEPS)],
            "precision": self._dtype,
        }

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        for _ in range(count):
            self._step()
        return count * self._given["batch"] * self._given["length"], {}

    def _make_model(self, dropout):
        from transformers import BertConfig

        from bert_cpu.models.encoder import build_encoder
        from bert_cpu.tasks.classify import Classify

        if "shape" in self._given:
            checkpoint, config = None, BertConfig(**self._given["shape"])
        else:
            checkpoint, config = _open_weights(self._given["checkpoint"])
        task = Classify()
        encoder = build_encoder(config, dropout, self._dtype, task.reads_first_token)
        model = task.build(encoder, ["0", "1"], dropout)
        if checkpoint is not None:
            checkpoint.assign_to(model, task.head_names)
        return model

    def _make_step(self, model):
        import tensorflow as tf

        from bert_cpu.tasks.classify import Classify
        from bert_cpu.training.choose_native import choose_native
        from bert_cpu.training.optimizer import AdamW
        from bert_cpu.training.step import make_train_step

        train_step = make_train_step(
            model,
            Classify().losses,
            AdamW(LEARNING_RATE, WEIGHT_DECAY, CLIP_NORM),
            tf.distribute.get_strategy(),
            batch_spec={
                name: tf.TensorSpec([None] * value.ndim, value.dtype)
                for name, value in self._batch.items()
            },
            is_compiled=True,
            is_native=choose_native(model),
        )
        is_going_on = tf.constant(0.0)
        return lambda: float(train_step(self._batch, True, is_going_on)[0])


def _open_weights(directory):
    """A checkpoint without a tokenizer, which steps on random tokens don't need."""
    from transformers import BertConfig

    from bert_cpu.models.checkpoint import Checkpoint

    path = pathlib.Path(directory)
    config = BertConfig(**json.loads((path / "config.json").read_text()))
    return Checkpoint("benchmark", path, config, None), config
