"""Keras Tuner over `model.fit`, one trial after the other, until the budget ends.

It is what a user of Keras and Keras Tuner writes alone: Hyperband, a schedule, AdamW
with its moving average, texts tokenised once and padded to the longest of a batch.
"""

import contextlib
import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np
import tensorflow as tf

from bench.tuning.keras_space import keras_space
from bench.tuning.trial import Trial

# As the defaults of `bert-cpu train`.
_EMA, _CLIP_NORM, _EPSILON = 0.99, 1.0, 1e-8
_FACTOR = 3  # Keras Tuner's default, which ours leaves as it is.
_VALIDATION_BATCH_SIZE = 64
# Of the whole algorithm; the budget ends it long before.
_MANY = 1_000_000


@dataclasses.dataclass(frozen=True)
class Split:
    """Texts as token ids, each with `[CLS]` and `[SEP]`, and their labels from 0."""

    ids: Sequence[Sequence[int]]
    labels: Sequence[int]


def keras_loop(
    make_classifier: Callable[[int, float, int], keras.Model],
    splits: tuple[Split, Split],
    directory: pathlib.Path,
    num_layers: int,
    epochs: int,
    seed: int,
    budget_seconds: float,
) -> None:
    """Runs trials, and writes each as `trials/ID.json` into a new directory.

    The budget begins with the first trial. What is under way when it ends is cut off
    at once, as unfinished.

    Args:
        make_classifier: (labels, dropout, frozen layers) -> a model that is not
            compiled, from `token_ids`, `segment_ids` and `padding_mask` to logits.
        splits: of training and validation.
        directory: for the trials, and for Keras Tuner's own files.
        num_layers: of the encoder.
        epochs: of the longest trial.
        seed: as of `bert-cpu tune`.
        budget_seconds: float.
    """
    (directory / "trials").mkdir(parents=True)
    train, validation = splits
    num_labels = max(train.labels) + 1
    tuner = _Search(
        _Classifier(make_classifier, train, num_labels, num_layers, epochs),
        objective=keras_tuner.Objective("val_accuracy", "max"),
        max_epochs=epochs,
        factor=_FACTOR,
        hyperband_iterations=_MANY,
        # As `bert-cpu tune` gives it: Keras Tuner takes 0 for no seed.
        seed=seed + 1,
        directory=str(directory),
        project_name="tuner",
    )
    tuner.trials_dir, tuner.first_seed = directory / "trials", seed
    tuner.started = time.monotonic()
    tuner.deadline = tuner.started + budget_seconds
    batches = _examples(validation, num_labels).padded_batch(_VALIDATION_BATCH_SIZE)
    with contextlib.suppress(_BudgetIsOver):
        tuner.search(validation_data=batches.prefetch(tf.data.AUTOTUNE), verbose=2)


class _Classifier(keras_tuner.HyperModel):
    """How Keras Tuner makes a model, and trains it."""

    def __init__(self, make_classifier, train, num_labels, num_layers, epochs):
        super().__init__()
        self._make, self._num_labels = make_classifier, num_labels
        self._num_layers, self._epochs = num_layers, epochs
        self._num_examples = len(train.labels)
        self._train = _examples(train, num_labels)

    def build(self, hp):
        values = keras_space(hp, self._num_layers)
        model = self._make(self._num_labels, values.dropout, values.freeze_layers)
        updates = math.ceil(self._num_examples / values.batch_size)
        schedule = WarmupLinearDecay(
            values.learning_rate,
            self._epochs * updates,
            values.warmup,
        )
        optimizer = keras.optimizers.AdamW(
            schedule,
            weight_decay=values.weight_decay,
            epsilon=_EPSILON,
            global_clipnorm=_CLIP_NORM,
            use_ema=True,
            ema_momentum=_EMA,
        )
        optimizer.exclude_from_weight_decay(
            [
                variable
                for variable in model.trainable_variables
                if variable.path.rsplit("/", 1)[-1] in ("bias", "beta", "gamma")
            ]
        )
        # Keras Tuner's checkpoints have the optimizer's state, but Keras would leave it
        # out where a trial goes on with an optimizer that is not built.
        optimizer.build(model.trainable_variables)
        model.compile(
            optimizer=optimizer,
            loss=keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=values.label_smoothing
            ),
            metrics=["accuracy"],
            # `jit_compile` stays "auto", which is off where there is only a CPU.
        )
        return model

    def fit(self, hp, model, *args, **kwargs):
        data = self._train.shuffle(self._num_examples)
        batches = data.padded_batch(hp.get("batch_size"))
        ready = batches.prefetch(tf.data.AUTOTUNE)
        return model.fit(ready, *args, shuffle=False, **kwargs)  # It is already.


class _Search(keras_tuner.Hyperband):
    """Hyperband that keeps its trials' times and ends by the clock."""

    trials_dir: pathlib.Path
    first_seed: int
    started: float
    deadline: float

    def run_trial(self, trial, *args, **kwargs):
        keras.utils.set_random_seed(self.first_seed + int(trial.trial_id))
        values = trial.hyperparameters.values
        watch = _Watch(
            Trial(
                id=trial.trial_id,
                is_finished=False,
                continues=values.get("tuner/trial_id"),
                values={n: v for n, v in values.items() if not n.startswith("tuner/")},
                scores=(),
                seconds=0.0,
            ),
            self.trials_dir / f"{trial.trial_id}.json",
            self.started,
            self.deadline,
        )
        # The moving average is what is evaluated, as with ours.
        callbacks = [keras.callbacks.SwapEMAWeights(), watch]
        return super().run_trial(trial, *args, callbacks=callbacks, **kwargs)


class _Watch(keras.callbacks.Callback):
    """Writes down a trial's epochs, and ends all when the budget does."""

    def __init__(self, trial, path, started, deadline):
        super().__init__()
        self._trial, self._path = trial, path
        self._started, self._deadline = started, deadline

    def on_train_batch_begin(self, batch, logs=None):
        self._look()

    def on_test_batch_begin(self, batch, logs=None):
        self._look()

    def on_epoch_end(self, epoch, logs=None):
        self._write(scores=(*self._trial.scores, float(logs["val_accuracy"])))

    def on_train_end(self, logs=None):
        self._write(is_finished=True)

    def _look(self):
        if time.monotonic() >= self._deadline:
            self._write()
            raise _BudgetIsOver

    def _write(self, **changes):
        seconds = time.monotonic() - self._started
        self._trial = dataclasses.replace(self._trial, seconds=seconds, **changes)
        text = json.dumps(dataclasses.asdict(self._trial), indent=2)
        self._path.write_text(text, encoding="utf-8")


class _BudgetIsOver(BaseException):
    """No Exception, so that Keras Tuner does not take it for a failed trial."""


@keras.saving.register_keras_serializable("bench")
class WarmupLinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Climbs from 0 to `peak`, then falls to 0, as `bert_cpu.training.schedule` does.

    Args:
        peak: float. The highest rate.
        num_updates: int. Updates until it is 0 again.
        warmup: float in `[0, 1)`. Share of the updates that climb.
    """

    def __init__(self, peak, num_updates, warmup):
        self.peak, self.num_updates, self.warmup = peak, num_updates, warmup

    def __call__(self, step):
        number = keras.ops.cast(step, "float32") + 1.0
        num_climbing = self.num_updates * self.warmup
        climb = number / max(num_climbing, 1.0)
        fall = (self.num_updates + 1.0 - number) / (
            self.num_updates + 1.0 - num_climbing
        )
        return self.peak * keras.ops.clip(keras.ops.minimum(climb, fall), 0.0, 1.0)

    def get_config(self):
        return {
            "peak": self.peak,
            "num_updates": self.num_updates,
            "warmup": self.warmup,
        }


def _examples(split: Split, num_labels: int) -> Any:
    """A tf.data.Dataset of single examples, not padded, with one-hot labels."""
    lengths = [len(ids) for ids in split.ids]
    ids = tf.RaggedTensor.from_row_lengths(
        np.concatenate([np.asarray(ids, np.int32) for ids in split.ids]), lengths
    )
    labels = np.eye(num_labels, dtype=np.float32)[list(split.labels)]

    def features(ids, label):
        return {
            "token_ids": ids,
            "segment_ids": tf.zeros_like(ids),
            "padding_mask": tf.ones_like(ids),
        }, label

    return tf.data.Dataset.from_tensor_slices((ids, labels)).map(features)
