"""The loop: epochs of steps, each epoch judged on the validation split."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Sequence

import keras
import tensorflow as tf

from bert_cpu.counted import counted
from bert_cpu.errors import FoundByAll, Interrupted
from bert_cpu.report.name_run import name_run
from bert_cpu.report.spoken import spoken
from bert_cpu.settings import RunSettings
from bert_cpu.training.checkpoint import Checkpoints, Progress
from bert_cpu.training.clock import Clock
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.evaluate import average_swapped_in
from bert_cpu.training.history import History
from bert_cpu.training.is_kept import is_kept
from bert_cpu.training.optimizer import AdamW
from bert_cpu.training.schedule import WarmupLinearDecay
from bert_cpu.training.screen import Screen
from bert_cpu.training.stop import StopNow, StopRequest

# Steps between two lines of the history.
_LOG_EVERY = 10


@dataclasses.dataclass(frozen=True)
class Trainee:
    """What is trained, compiled."""

    model: keras.Model
    optimizer: AdamW
    train_step: Callable  # As `make_train_step` returns it.
    # `(epoch, batches to skip) -> batches`, as `training_batches` gives them.
    batches: Callable[[int, int], Iterable[dict]]
    steps_of: Callable[[int], int]  # Epoch -> its number of batches.
    schedule: WarmupLinearDecay  # Of the optimizer.
    evaluate: Callable[[], dict]  # Loss and metrics of the validation split.
    metrics: Sequence[str]  # To show; the first tells which epoch is the best.
    # The first part of a run that the clock ends: at most so many epochs, and at most
    # this share of the time.
    first_epochs: int = 0
    first_share: float = 1.0


def train(
    trainee: Trainee,
    settings: RunSettings,
    cluster: Cluster,
    progress: Progress,
    checkpoints: Checkpoints | None,
    history: History | None,
    screen: Screen,
    stop: StopRequest,
    gather: Callable[[int], list[int]],
) -> Progress:
    """Trains until the epochs are done or more of them don't help.

    Args:
        trainee: its model is left with the weights of the last epoch.
        settings: epochs, early stopping, checkpoints.
        cluster: which worker this is.
        progress: how far it has come already.
        checkpoints, history: of the run; None for workers that write nothing.
        screen: shows a bar.
        stop: asks to save and stop.
        gather: tells what each worker knows, as `make_gather` returns it.

    Returns:
        Progress, at the end.

    Raises:
        Interrupted: if it was asked to stop; the state is saved.
        FoundByAll: if the loss is not a number; the last checkpoint is kept.
    """
    last_saved = time.monotonic()
    total = sum(map(trainee.steps_of, range(settings.epochs)))
    clock = Clock(settings, trainee.schedule, progress)
    timer = _Timer()
    with screen.training(progress.step, total) as show:
        while (
            progress.epoch < settings.epochs
            # An epoch that the clock has ended is measured, if that was not done.
            and (progress.epoch_step or not clock.is_up(progress))
            and not _is_out_of_patience(progress, settings)
        ):
            num_steps = trainee.steps_of(progress.epoch)
            batches: Iterable[dict] = ()
            if not clock.is_up(progress):
                batches = trainee.batches(progress.epoch, progress.epoch_step)
            for batch in batches:
                number = progress.epoch_step + 1
                is_update = (
                    number % settings.accumulate == 0
                    or number == num_steps
                    or clock.is_almost_up(progress)
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
                seconds = timer.lap()
                tokens = int(tf.reduce_sum(batch["attention_mask"]))
                speed = tokens * cluster.num_workers / seconds
                _advance(progress, loss, batch, tokens, cluster, seconds)
                expected = clock.expect(progress)
                show(progress.step, progress.epoch + 1, loss, speed, expected)
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
                    raise _stopped(progress, settings)
                minutes = (time.monotonic() - last_saved) / 60
                if checkpoints and minutes >= settings.checkpoint_minutes:
                    checkpoints.save(progress)
                    last_saved = time.monotonic()
                if clock.is_up(progress) or _is_first_over(trainee, clock, progress):
                    break
            try:
                measured = _measure(trainee, settings, progress, stop, checkpoints)
            except StopNow:
                # It is measured again when the run goes on from its last step.
                if checkpoints:
                    checkpoints.save(progress)
            else:
                progress.other_seconds += timer.lap()
                if _is_first_over(trainee, clock, progress):
                    progress.epoch = trainee.first_epochs - 1  # The rest is left out.
                _finish_epoch(trainee, progress, measured, checkpoints, history, screen)
                progress.other_seconds += timer.lap()
            # One worker that was asked while it measured can't leave alone.
            if any(gather(int(stop.is_set))):
                raise _stopped(progress, settings)
            last_saved = time.monotonic()
    if _is_out_of_patience(progress, settings):
        screen.say(
            f"Stopped early: validation {spoken(trainee.metrics[0])} has not risen for "
            f"{counted(settings.early_stopping, 'epoch')} above "
            f"{progress.best_score:.4f}."
        )
    return progress


def _is_first_over(trainee, clock, progress):
    """Whether the time for the part that this epoch is in has gone."""
    is_first = progress.epoch < trainee.first_epochs
    return is_first and clock.is_past(progress, trainee.first_share)


class _Timer:
    """Tells the seconds from one look at it to the next."""

    def __init__(self):
        self._last = time.perf_counter()

    def lap(self) -> float:
        last, self._last = self._last, time.perf_counter()
        return self._last - last


def _advance(progress, loss, batch, tokens, cluster, seconds):
    progress.step += 1
    progress.epoch_step += 1
    progress.epoch_loss += loss
    progress.seconds += seconds
    progress.examples += int(tf.size(batch["weight"])) * cluster.num_workers
    progress.tokens += tokens * cluster.num_workers


def _is_out_of_patience(progress, settings):
    patience = settings.early_stopping
    return patience > 0 and progress.epochs_without_better >= patience


def _measure(trainee, settings, progress, stop, checkpoints):
    """Measures the validation split, and keeps the weights if none are better."""
    with average_swapped_in(trainee.optimizer, trainee.model):
        with stop.obeyed_at_once():
            measured = trainee.evaluate()
        if not math.isfinite(measured["loss"]):
            # The last update ruined the weights: neither kept nor called best.
            raise _not_a_number(
                "validation loss", measured["loss"], progress.step, progress, settings
            )
        if checkpoints and is_kept(measured, trainee.metrics[0], progress.best_score):
            checkpoints.save_best(progress.step)
    return measured


def _finish_epoch(trainee, progress, measured, checkpoints, history, screen):
    train_loss = progress.epoch_loss / max(progress.epoch_step, 1)
    score = measured[trainee.metrics[0]]
    is_better = score > progress.best_score
    takes_over = is_kept(measured, trainee.metrics[0], progress.best_score)
    progress.epoch += 1
    progress.epoch_step, progress.epoch_loss = 0, 0.0
    progress.epochs_without_better += 1
    if is_better:
        progress.best_score = score
        progress.epochs_without_better = 0
    if takes_over:
        progress.best_epoch = progress.epoch
        progress.best_measured = {
            name: value
            for name, value in measured.items()
            if isinstance(value, int | float)
        }
    if history:
        history.write(
            "epoch",
            progress.step,
            epoch=progress.epoch,
            train_loss=train_loss,
            validation_loss=measured["loss"],
            **{f"validation_{name}": measured[name] for name in trainee.metrics},
        )
    if checkpoints:
        checkpoints.save(progress)
    scores = ", ".join(
        f"{spoken(name)} {measured[name]:.4f}" for name in trainee.metrics
    )
    screen.say(
        f"epoch {progress.epoch}: training loss {train_loss:.4f}, validation loss "
        f"{measured['loss']:.4f}, {scores}" + (" (kept)" if takes_over else "")
    )


def _stopped(progress, settings):
    return Interrupted(
        f"Stopped after step {progress.step}, and saved. Go on with "
        f"{name_run(settings.run_dir)} --resume."
    )


def _not_a_number(name, loss, step, progress, settings):
    return FoundByAll(
        f"The {name} became {loss} at step {step} (epoch {progress.epoch + 1}). The "
        f"last checkpoint is kept in '{settings.run_dir / 'checkpoints'}'. Go on from "
        "it with --resume and a lower --learning-rate than "
        f"{settings.learning_rate:g}."
    )
