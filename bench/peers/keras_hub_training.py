"""KerasHub: training steps, in float32 or mixed_bfloat16."""

import pathlib
from typing import Any

import keras
import numpy as np

from bench.peers.keras_hub_classifier import KerasHubClassifier
from bench.step_batch import (
    CLIP_NORM,
    EPSILON,
    LEARNING_RATE,
    NUM_CHECKED_STEPS,
    WEIGHT_DECAY,
    step_batch,
)


def open_case(given: dict[str, Any]) -> "Training":
    return Training(given)


class Training:
    """AdamW steps on one batch, by `train_on_batch`.

    Args:
        given: `checkpoint`, `batch`, `length`, `dropout` and `dtype`.
    """

    def __init__(self, given: dict[str, Any]):
        self._given = given
        keras.config.set_dtype_policy(given["dtype"])
        ids, self._labels = step_batch(given)
        self._inputs = {
            "token_ids": ids,
            "segment_ids": np.zeros_like(ids),
            "padding_mask": np.ones_like(ids),
        }
        self._model = self._make_model(given["dropout"])

    def check(self) -> dict[str, Any]:
        """Logits before, and losses of some steps without dropout."""
        model = self._make_model(0.0)
        logits = np.asarray(model.predict_on_batch(self._inputs), np.float32)
        losses = [
            float(model.train_on_batch(self._inputs, self._labels))
            for _ in range(NUM_CHECKED_STEPS)
        ]
        return {"logits": logits.tolist(), "losses": losses}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        for _ in range(count):
            self._model.train_on_batch(self._inputs, self._labels)
        return count * self._inputs["token_ids"].size, {}

    def _make_model(self, dropout):
        make = KerasHubClassifier(pathlib.Path(self._given["checkpoint"]))
        model = make(2, dropout)
        optimizer = keras.optimizers.AdamW(
            LEARNING_RATE,
            weight_decay=WEIGHT_DECAY,
            epsilon=EPSILON,
            global_clipnorm=CLIP_NORM,
        )
        optimizer.exclude_from_weight_decay(
            [
                variable
                for variable in model.trainable_variables
                if variable.path.rsplit("/", 1)[-1] in ("bias", "beta", "gamma")
            ]
        )
        model.compile(
            optimizer=optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[],
            jit_compile=False,  # With it, steps are slower on a CPU.
        )
        return model
