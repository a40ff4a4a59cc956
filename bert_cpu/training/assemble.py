"""From settings to all that a run trains with, built and not yet trained."""

import dataclasses
import math
import pathlib

import keras
import tensorflow as tf

from bert_cpu.data.manifest import Manifest
from bert_cpu.data.pipeline import evaluation_batches, training_batches
from bert_cpu.errors import UserError
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.encoder_shape import read_encoder_shape
from bert_cpu.hardware.find_tuned_profile import find_tuned_profile
from bert_cpu.hardware.memory import (
    MemoryEstimate,
    check_training_memory,
    estimate_training_memory,
)
from bert_cpu.hardware.profile import Profile, choose_profile
from bert_cpu.hardware.trains_natively import trains_natively
from bert_cpu.layers.word_dropout import WordDropout
from bert_cpu.models.bundle import BundleInfo, save_bundle
from bert_cpu.models.checkpoint import Checkpoint, open_checkpoint
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.find_encoder_config import find_encoder_config
from bert_cpu.models.start_pooler import start_pooler
from bert_cpu.settings import TrainSettings
from bert_cpu.task import Task
from bert_cpu.task_catalog import make_task, task_of_records
from bert_cpu.text.special_tokens import MASK
from bert_cpu.training.choose_compiled import LENGTH_STEP, choose_compiled
from bert_cpu.training.choose_native import choose_native
from bert_cpu.training.choose_sum import choose_gradient_sum
from bert_cpu.training.class_weights import class_weights
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.compile_ahead import CompileAhead
from bert_cpu.training.evaluate import Evaluation
from bert_cpu.training.loop import Trainee
from bert_cpu.training.make_optimizer import make_optimizer, make_schedule
from bert_cpu.training.rates import freeze
from bert_cpu.training.records import open_records
from bert_cpu.training.screen import Screen
from bert_cpu.training.step import make_predict_step, make_train_step
from bert_cpu.training.strategy import make_strategy
from bert_cpu.training.streams import count_streams, share_out


@dataclasses.dataclass(frozen=True)
class Assembled:
    """What a run trains, with what, and how it measures that."""

    settings: TrainSettings
    strategy: tf.distribute.Strategy
    task: Task
    checkpoint: Checkpoint
    manifest: Manifest
    profile: Profile
    memory: MemoryEstimate
    trainee: Trainee
    evaluation: Evaluation
    # How workers sum gradients: "memory", "network" or "none".
    gradient_sum: str
    # What gets steps' programs ready, if something does; to be stopped with training.
    ahead: CompileAhead | None

    @property
    def model(self) -> keras.Model:
        return self.trainee.model

    def save_bundle(self, directory: pathlib.Path) -> None:
        """Writes the model as it is now; see `models.bundle.save_bundle`."""
        info = BundleInfo(
            task=self.settings.task,
            labels=self.manifest.labels,
            max_length=self.manifest.max_length,
            text_pair=self.manifest.text_pair,
            preprocess=self.manifest.preprocess,
            stride=self.manifest.stride,
            options={name: getattr(self.task, name) for name in self.task.options},
        )
        checkpoint = self.checkpoint
        save_bundle(
            directory,
            self.model,
            self.task,
            checkpoint.config,
            checkpoint.tokenizer,
            info,
        )


def assemble(settings: TrainSettings, cluster: Cluster, screen: Screen) -> Assembled:
    """Opens encoder and records, and builds model, optimizer and steps.

    Args:
        settings: of a run, whose directory is there.
        cluster: which of the processes that train together this one is.
        screen: shows how records are prepared, and what the encoder lacks.

    Raises:
        UserError: for every mistake in what was given; see the parts.
    """
    # First of all: TensorFlow joins a cluster only before its first operation.
    strategy = make_strategy(cluster)
    checkpoint = open_checkpoint(settings.encoder).with_layers(settings.keep_layers)
    task = make_task(settings)
    manifest = open_records(
        settings,
        task,
        settings.run_dir / "records",
        checkpoint,
        screen,
        settings.mended_dir,
        cluster.is_chief,
    )
    task = task_of_records(task, manifest.reading)
    weights = class_weights(manifest, settings.class_weights)
    hardware = read_hardware()
    tuned, _ = find_tuned_profile(hardware)
    # Workers must compute alike, wherever they are.
    tuned = tuned if cluster.num_workers == 1 else None
    profile = choose_profile(hardware, settings.dtype, settings.threads, tuned=tuned)
    memory = _estimate_memory(settings, cluster, checkpoint, manifest, profile)
    # Workers that one command started share this machine; others have their own.
    check_training_memory(memory, hardware, settings.workers or 1)

    # The same seed in all workers: they must start from the same head.
    keras.utils.set_random_seed(settings.seed)
    with strategy.scope():
        model = _build(settings, task, checkpoint, manifest, profile.dtype)
        head_names = task.head_names if task.has_pretrained_head else {}
        if not settings.random_weights:
            for name in checkpoint.assign_to(model, head_names):
                screen.say(f"'{checkpoint.name}' has no {name}: it starts at random")
        if settings.epochs:
            start_pooler(model)
        freeze(model, settings.freeze_layers)
        schedule = make_schedule(settings, num_batches(manifest, settings))
        optimizer = make_optimizer(settings, schedule, model, settings.layer_decay)
    is_native = choose_native(model)
    is_compiled = not is_native and choose_compiled(
        settings.compile,
        num_batches(manifest, settings) * settings.epochs,
        manifest.splits["train"].length_histogram,
    )
    batch_size = settings.batch_size // cluster.num_workers
    ahead = None
    # One thread has nothing idle; of workers, no more was measured.
    if is_compiled and profile.threads > 1 and cluster.num_workers == 1:
        ahead = CompileAhead(
            model,
            share_out(batch_size, count_streams()),
            manifest.splits["train"].length_histogram,
            manifest.max_length,
            task.reads_first_token,
        )
        ahead.start()
    most_tokens = batch_size * manifest.max_length
    # Gradients that wait for others are dense, and those of a table that is the head.
    is_dense = settings.accumulate > 1 or task.has_pretrained_head
    sum_gradients, gradient_sum = choose_gradient_sum(
        strategy,
        cluster,
        model.trainable_variables,
        None if is_dense else most_tokens,
        profile.dtype,
    )
    spec = evaluation_batches(manifest, "train", settings.batch_size).element_spec
    evaluation = Evaluation(
        make_predict_step(model, spec),
        task,
        manifest,
        checkpoint.tokenizer.backend_tokenizer,
    )
    trainee = Trainee(
        model,
        optimizer,
        make_train_step(
            model,
            lambda batch, outputs: task.losses(
                batch, outputs, settings.label_smoothing
            ),
            optimizer,
            strategy,
            settings.accumulate,
            spec,
            is_compiled,
            sum_gradients=sum_gradients,
            batch_size=batch_size if is_compiled else 0,
            is_native=is_native,
        ),
        lambda epoch, skip: training_batches(
            manifest,
            settings.batch_size,
            settings.seed,
            epoch,
            skip,
            weights,
            cluster.index,
            cluster.num_workers,
            task.draw,
            LENGTH_STEP if is_compiled or is_native else 1,
        ),
        lambda epoch: num_batches(manifest, settings),
        schedule,
        lambda: evaluation("validation"),
        task.metrics,
    )
    return Assembled(
        settings,
        strategy,
        task,
        checkpoint,
        manifest,
        profile,
        memory,
        trainee,
        evaluation,
        gradient_sum,
        ahead,
    )


def num_batches(manifest: Manifest, settings: TrainSettings) -> int:
    """Steps in one epoch."""
    return math.ceil(manifest.splits["train"].windows / settings.batch_size)


def _build(settings, task, checkpoint, manifest, dtype):
    dropout = settings.dropout
    encoder = build_encoder(
        checkpoint.config,
        dropout,
        dtype,
        task.reads_first_token,
        _word_dropout(settings, checkpoint),
    )
    if dropout is None:
        dropout = checkpoint.config.classifier_dropout
    if dropout is None:
        dropout = checkpoint.config.hidden_dropout_prob
    return task.build(encoder, manifest.labels, dropout)


def _word_dropout(settings, checkpoint):
    if not settings.word_dropout:
        return None
    tokenizer = checkpoint.tokenizer
    if tokenizer.mask_token_id is None:
        raise UserError(
            f"--word-dropout hides words behind {MASK}, which '{checkpoint.name}' does "
            "not know. Leave it out, or choose another encoder."
        )
    return WordDropout(
        settings.word_dropout,
        tokenizer.mask_token_id,
        sorted(set(tokenizer.all_special_ids)),
        name="word_dropout",
    )


def _estimate_memory(settings, cluster, checkpoint, manifest, profile):
    shape = dataclasses.replace(
        read_encoder_shape(find_encoder_config(checkpoint.directory)),
        num_hidden_layers=checkpoint.config.num_hidden_layers,
    )
    kept = " left" if settings.keep_layers else ""
    if settings.freeze_layers > shape.num_hidden_layers:
        raise UserError(
            f"--freeze-layers is {settings.freeze_layers}, but '{checkpoint.name}' has "
            f"only {shape.num_hidden_layers} layers{kept}."
        )
    if settings.batch_size % cluster.num_workers:
        raise UserError(
            f"--batch-size is {settings.batch_size}, but must be a multiple of the "
            f"{cluster.num_workers} workers."
        )
    return estimate_training_memory(
        shape,
        settings.batch_size // cluster.num_workers,
        max(manifest.splits["train"].length_histogram),
        trainable_share=shape.trainable_share(settings.freeze_layers),
        ema=settings.ema > 0,
        accumulate=settings.accumulate > 1,
        dtype=profile.dtype,
        num_workers=settings.workers or 1,
        is_native=trains_natively(shape, profile),
    )
