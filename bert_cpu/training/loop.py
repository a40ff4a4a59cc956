"""The loop: epochs of steps, each epoch judged on the validation split."""

import dataclasses
import math
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from bert_cpu.data.manifest import Manifest
from bert_cpu.data.pipeline import training_batches
from bert_cpu.errors import Interrupted, UserError
from bert_cpu.settings import TrainSettings
from bert_cpu.training.checkpoint import Checkpoints, Progress
from bert_cpu.training.evaluate import average_swapped_in
from bert_cpu.training.history import History
from bert_cpu.training.optimizer import AdamW
from bert_cpu.training.screen import Screen
from bert_cpu.training.stop import StopRequest
from bert_cpu.training.strategy import Cluster

# Steps between two lines of the history.
_LOG_EVERY = 10


@dataclasses.dataclass(frozen=True)
class Trainee:
    """What is trained, compiled."""

    model: keras.Model
    optimizer: AdamW
    train_step: Callable  # As `make_train_step` returns it.
    evaluate: Callable[[str], dict]  # Split -> metrics.


def train(
    trainee: Trainee,
    manifest: Manifest,
    settings: TrainSettings,
    cluster: Cluster,
    progress: Progress,
    checkpoints: Checkpoints | None,
    history: History | None,
    screen: Screen,
    stop: StopRequest,
) -> Progress:
    """Trains until the epochs are done or more of them don't help.

    Args:
        trainee: its model is left with the weights of the last epoch.
        manifest: of the prepared records.
        settings: epochs, batches, early stopping, seed.
        cluster: which worker this is.
        progress: how far it has come already.
        checkpoints, history: of the run; None for workers that write nothing.
        screen: shows a bar.
        stop: asks to save and stop.

    Returns:
        Progress, at the end.

    Raises:
        Interrupted: if it was asked to stop; the state is saved.
        UserError: if the loss is not a number; the last checkpoint is kept.
    """
    steps_per_epoch = num_batches(manifest, settings)
    last_saved = time.monotonic()
    total = steps_per_epoch * settings.epochs
    with screen.training(progress.step, total) as show:
        while progress.epoch < settings.epochs and not _is_out_of_patience(
            progress, settings
        ):
            batches = training_batches(
                manifest,
                settings.batch_size,
                settings.seed,
                progress.epoch,
                skip=progress.epoch_step,
                class_weights=class_weights(manifest, settings.class_weights),
                worker=cluster.index,
                num_workers=cluster.num_workers,
            )
            started = time.perf_counter()
            for batch in batches:
                is_last = progress.epoch_step + 1 == steps_per_epoch
                is_update = is_last or not (
                    (progress.epoch_step + 1) % settings.accumulate
                )
                loss, stops = trainee.train_step(
                    batch, is_update, tf.constant(float(stop.is_set))
                )
                loss = float(loss)
                if not math.isfinite(loss):
                    raise _not_a_number(
                        "loss", loss, progress.step + 1, progress, settings
                    )
                # What came between two steps (reading, saving) counts as well.
                now = time.perf_counter()
                tokens = int(tf.reduce_sum(batch["attention_mask"]))
                speed = tokens * cluster.num_workers / (now - started)
                _advance(progress, loss, batch, tokens, cluster, now - started)
                started = now
                show(progress.step, progress.epoch + 1, loss, speed)
                if history and progress.step % _LOG_EVERY == 0:
                    history.write(
                        "step",
                        progress.step,
                        epoch=progress.epoch + 1,
                        loss=loss,
                        learning_rate=float(trainee.optimizer.learning_rate),
                        tokens_per_second=speed,
                    )
                if not is_update:
                    continue  # Half an update is in no checkpoint.
                if float(stops):
                    if checkpoints:
                        checkpoints.save(progress)
                    raise Interrupted(
                        f"Stopped after step {progress.step}, and saved. Go on with "
                        f"--name {settings.name} --resume."
                    )
                minutes = (time.monotonic() - last_saved) / 60
                if checkpoints and minutes >= settings.checkpoint_minutes:
                    checkpoints.save(progress)
                    last_saved = time.monotonic()
            _finish_epoch(
                trainee,
                settings,
                progress,
                steps_per_epoch,
                checkpoints,
                history,
                screen,
            )
            last_saved = time.monotonic()
    if progress.epoch < settings.epochs:
        screen.say(
            "Stopped early: validation accuracy has not risen for "
            f"{settings.early_stopping} epochs above {progress.best_accuracy:.4f}."
        )
    return progress


def num_batches(manifest: Manifest, settings: TrainSettings) -> int:
    """Steps in one epoch."""
    return math.ceil(manifest.splits["train"].examples / settings.batch_size)


def class_weights(manifest: Manifest, kind: str) -> np.ndarray | None:
    """float32 `(num_labels,)`: weights that make all labels weigh the same."""
    if kind == "none":
        return None
    counts = manifest.splits["train"].label_counts
    examples = np.array([counts[label] for label in manifest.labels], "float32")
    return examples.sum() / (len(examples) * examples)


def _advance(progress, loss, batch, tokens, cluster, seconds):
    progress.step += 1
    progress.epoch_step += 1
    progress.epoch_loss += loss
    progress.seconds += seconds
    progress.examples += int(tf.size(batch["label"])) * cluster.num_workers
    progress.tokens += tokens * cluster.num_workers


def _is_out_of_patience(progress, settings):
    patience = settings.early_stopping
    return patience > 0 and progress.epochs_without_better >= patience


def _finish_epoch(trainee, settings, progress, steps, checkpoints, history, screen):
    train_loss = progress.epoch_loss / steps
    with average_swapped_in(trainee.optimizer, trainee.model):
        measured = trainee.evaluate("validation")
        if not math.isfinite(measured["loss"]):
            # The last update ruined the weights: neither kept nor called best.
            raise _not_a_number(
                "validation loss", measured["loss"], progress.step, progress, settings
            )
        is_better = measured["accuracy"] > progress.best_accuracy
        if is_better and checkpoints:
            checkpoints.save_best()
    progress.epoch += 1
    progress.epoch_step, progress.epoch_loss = 0, 0.0
    progress.epochs_without_better += 1
    if is_better:
        progress.best_accuracy = measured["accuracy"]
        progress.best_epoch = progress.epoch
        progress.epochs_without_better = 0
    if history:
        history.write(
            "epoch",
            progress.step,
            epoch=progress.epoch,
            train_loss=train_loss,
            validation_loss=measured["loss"],
            validation_accuracy=measured["accuracy"],
            validation_macro_f1=measured["macro_f1"],
        )
    if checkpoints:
        checkpoints.save(progress)
    screen.say(
        f"epoch {progress.epoch}: training loss {train_loss:.4f}, validation loss "
        f"{measured['loss']:.4f}, accuracy {measured['accuracy']:.4f}, macro-F1 "
        f"{measured['macro_f1']:.4f}" + (" (best)" if is_better else "")
    )


def _not_a_number(name, loss, step, progress, settings):
    return UserError(
        f"The {name} became {loss} at step {step} (epoch {progress.epoch + 1}). The "
        f"last checkpoint is kept in '{settings.run_dir / 'checkpoints'}'. Go on from "
        "it with --resume and a lower --learning-rate than "
        f"{settings.learning_rate:g}."
    )
