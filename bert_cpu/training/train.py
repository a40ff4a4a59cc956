"""One run, from settings to a bundle and its measures."""

import dataclasses
import math
from typing import Any

import keras

from bert_cpu import storage
from bert_cpu.data.damage.left_out import read_left_out
from bert_cpu.data.manifest import Manifest
from bert_cpu.data.pipeline import evaluation_batches, training_batches
from bert_cpu.errors import UserError
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.encoder_shape import read_encoder_shape
from bert_cpu.hardware.memory import (
    MemoryEstimate,
    check_training_memory,
    estimate_training_memory,
    format_bytes,
)
from bert_cpu.hardware.profile import Profile, choose_profile
from bert_cpu.models.bundle import BundleInfo, save_bundle
from bert_cpu.models.checkpoint import Checkpoint, open_checkpoint
from bert_cpu.models.encoder import build_encoder
from bert_cpu.report.write_report import write_report
from bert_cpu.settings import TrainSettings
from bert_cpu.tasks.catalog import make_task
from bert_cpu.training.choose_compiled import LENGTH_STEP, choose_compiled
from bert_cpu.training.class_weights import class_weights
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.evaluate import Evaluation
from bert_cpu.training.fit import fit
from bert_cpu.training.loop import Trainee
from bert_cpu.training.make_optimizer import make_optimizer, make_schedule
from bert_cpu.training.map_vectors import write_map
from bert_cpu.training.marked import write_marked
from bert_cpu.training.mistakes import write_mistakes
from bert_cpu.training.rates import freeze
from bert_cpu.training.records import open_records
from bert_cpu.training.screen import Screen
from bert_cpu.training.step import make_predict_step, make_train_step
from bert_cpu.training.strategy import make_strategy, wait_for_all
from bert_cpu.training.work import count_weights, describe_work


def run_training(
    settings: TrainSettings, cluster: Cluster, screen: Screen
) -> dict[str, Any]:
    """Fine-tunes, evaluates and saves, in the run's directory.

    Args:
        settings: of the run, whose directory `start_run` has made.
        cluster: which of the processes that train together this one is. Only
            the chief writes.
        screen: shows the plan and bars.

    Returns:
        dict, what `metrics.json` holds.

    Raises:
        UserError: for every mistake in what was given; see the parts.
        Interrupted: if it was asked to stop; its state is saved.
    """
    # First of all: TensorFlow joins a cluster only before its first operation.
    strategy = make_strategy(cluster)
    run_dir = settings.run_dir
    checkpoint = open_checkpoint(settings.encoder)
    task = make_task(settings)
    manifest = open_records(
        settings,
        task,
        run_dir / "records",
        checkpoint,
        screen,
        settings.mended_dir,
        cluster.is_chief,
    )
    weights = class_weights(manifest, settings.class_weights)
    hardware = read_hardware()
    profile = choose_profile(hardware, settings.dtype, settings.threads)
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
        freeze(model, settings.freeze_layers)
        schedule = make_schedule(settings, num_batches(manifest, settings))
        optimizer = make_optimizer(settings, schedule, model, settings.layer_decay)
    is_compiled = choose_compiled(
        settings.compile,
        num_batches(manifest, settings) * settings.epochs,
        manifest.splits["train"].length_histogram,
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
            LENGTH_STEP if is_compiled else 1,
        ),
        lambda epoch: num_batches(manifest, settings),
        schedule,
        lambda: evaluation("validation"),
        task.metrics,
    )
    screen.say(_plan(settings, cluster, checkpoint, manifest, profile, memory, model))

    progress = fit(trainee, settings, cluster, strategy, manifest.fingerprint, screen)
    if not cluster.is_chief:
        wait_for_all(strategy, cluster)
        return {}
    _save_bundle(settings, checkpoint, manifest, model, task)
    validation = evaluation("validation")
    answers = [(each.example, each.answer) for each in evaluation.answer("test")]
    measured = {"validation": validation, "test": evaluation.measure(answers)}
    metrics = _metrics(
        settings,
        task,
        cluster,
        checkpoint,
        manifest,
        profile,
        progress,
        model,
        measured,
    )
    write_mistakes(run_dir, task, answers)
    write_marked(run_dir, task, answers)
    write_map(run_dir, task, answers)
    storage.write_json(run_dir / "metrics.json", metrics)
    write_report(run_dir)
    wait_for_all(strategy, cluster)
    return metrics


def num_batches(manifest: Manifest, settings: TrainSettings) -> int:
    """Steps in one epoch."""
    return math.ceil(manifest.splits["train"].windows / settings.batch_size)


def _build(settings, task, checkpoint, manifest, dtype):
    dropout = settings.dropout
    encoder = build_encoder(checkpoint.config, dropout, dtype, task.reads_first_token)
    if dropout is None:
        dropout = checkpoint.config.classifier_dropout
    if dropout is None:
        dropout = checkpoint.config.hidden_dropout_prob
    return task.build(encoder, manifest.labels, dropout)


def _estimate_memory(settings, cluster, checkpoint, manifest, profile):
    shape = read_encoder_shape(checkpoint.directory / "config.json")
    if settings.freeze_layers > shape.num_hidden_layers:
        raise UserError(
            f"--freeze-layers is {settings.freeze_layers}, but '{checkpoint.name}' has "
            f"only {shape.num_hidden_layers} layers."
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
    )


def _plan(
    settings: TrainSettings,
    cluster: Cluster,
    checkpoint: Checkpoint,
    manifest: Manifest,
    profile: Profile,
    memory: MemoryEstimate,
    model: keras.Model,
) -> str:
    trained = sum(v.shape.num_elements() for v in model.trainable_variables)
    split = manifest.splits["train"]
    workers = f"{cluster.num_workers} workers, " if cluster.num_workers > 1 else ""
    threads = "1 thread" if profile.threads == 1 else f"{profile.threads} threads"
    return (
        f"Plan: {checkpoint.name} with {count_weights(model) / 1e6:.1f} M parameters "
        f"({trained / 1e6:.1f} M trained), {manifest.source}: {split.examples:,} "
        f"examples with {split.tokens:,} tokens, {settings.epochs} epochs, {workers}"
        f"{threads}, {profile.dtype}, about "
        f"{format_bytes(memory.total)} of memory"
    )


def _save_bundle(settings, checkpoint, manifest, model, task):
    info = BundleInfo(
        task=settings.task,
        labels=manifest.labels,
        max_length=manifest.max_length,
        text_pair=manifest.text_pair,
        preprocess=manifest.preprocess,
        stride=manifest.stride,
        options={name: getattr(settings, name) for name in task.options},
    )
    save_bundle(
        settings.run_dir / "bundle",
        model,
        task,
        checkpoint.config,
        checkpoint.tokenizer,
        info,
    )


def _metrics(
    settings, task, cluster, checkpoint, manifest, profile, progress, model, measured
):
    splits = manifest.splits.values()
    return {
        "name": settings.name,
        "task": settings.task,
        "metrics": list(task.metrics),  # To show; the first tells the best epoch.
        "seed": settings.seed,
        "labels": list(manifest.labels),
        "encoder": checkpoint.name,
        "source": manifest.source,
        "parameters": count_weights(model),
        "dtype": profile.dtype,
        "threads": profile.threads,
        "workers": cluster.num_workers,
        "best_epoch": progress.best_epoch,
        "train": describe_work(progress),
        "validation": {
            name: value
            for name, value in measured["validation"].items()
            if isinstance(value, int | float)
        },
        "test": measured["test"],
        "data": {
            "cut_texts": sum(split.cut_texts for split in splits),
            "empty_texts": sum(split.empty_texts for split in splits),
            "length_histogram": manifest.splits["train"].length_histogram,
            "left_out": dataclasses.asdict(read_left_out(manifest.directory)),
        },
    }
