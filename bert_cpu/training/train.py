"""One run, from settings to a bundle and its measures."""

import resource
import sys
from typing import Any

import keras

from bert_cpu import storage
from bert_cpu.data.manifest import Manifest
from bert_cpu.data.pipeline import evaluation_batches
from bert_cpu.errors import Interrupted, UserError
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
from bert_cpu.tasks.catalog import TASKS
from bert_cpu.training.checkpoint import Checkpoints, Progress
from bert_cpu.training.evaluate import evaluate_split
from bert_cpu.training.history import History
from bert_cpu.training.loop import Trainee, num_batches, train
from bert_cpu.training.mistakes import write_mistakes
from bert_cpu.training.optimizer import AdamW
from bert_cpu.training.rates import freeze, rate_multipliers
from bert_cpu.training.records import open_records
from bert_cpu.training.schedule import WarmupLinearDecay
from bert_cpu.training.screen import Screen
from bert_cpu.training.step import make_predict_step, make_train_step
from bert_cpu.training.stop import listening
from bert_cpu.training.strategy import Cluster, make_strategy, wait_for_all


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
    manifest = open_records(settings, run_dir / "records", checkpoint, screen)
    hardware = read_hardware()
    profile = choose_profile(hardware, settings.dtype, settings.threads)
    memory = _estimate_memory(settings, cluster, checkpoint, manifest, profile)
    # Workers that one command started share this machine; others have their own.
    check_training_memory(memory, hardware, settings.workers)

    # The same seed in all workers: they must start from the same head.
    keras.utils.set_random_seed(settings.seed)
    task = TASKS[settings.task]
    with strategy.scope():
        model = _build(settings, checkpoint, manifest, profile.dtype)
        for name in checkpoint.assign_to(model):
            screen.say(f"'{checkpoint.name}' has no {name}: it starts at random")
        freeze(model, settings.freeze_layers)
        optimizer = _make_optimizer(settings, model, manifest)
    train_step = make_train_step(
        model,
        lambda labels, logits: task.losses(labels, logits, settings.label_smoothing),
        optimizer,
        strategy,
        settings.accumulate,
        evaluation_batches(manifest, "train", settings.batch_size).element_spec,
    )
    predict_step = make_predict_step(model)
    trainee = Trainee(
        model,
        optimizer,
        train_step,
        lambda split: evaluate_split(predict_step, task, manifest, split),
    )
    screen.say(_plan(settings, cluster, checkpoint, manifest, profile, memory, model))

    checkpoints = Checkpoints(
        run_dir / "checkpoints",
        [*model.variables, *optimizer.variables],
        model.variables,
        manifest.fingerprint,
    )
    progress = checkpoints.restore() if settings.resume else Progress()
    with listening() as stop:
        history = History(run_dir, progress.step) if cluster.is_chief else None
        if cluster.is_chief and not settings.resume:
            checkpoints.save(progress)
        try:
            progress = train(
                trainee,
                manifest,
                settings,
                cluster,
                progress,
                checkpoints if cluster.is_chief else None,
                history,
                screen,
                stop,
            )
        except Interrupted:
            # Not before the chief has saved.
            wait_for_all(strategy, cluster)
            raise
        finally:
            if history:
                history.close()
    if not cluster.is_chief:
        wait_for_all(strategy, cluster)
        return {}
    checkpoints.restore_best()
    _save_bundle(settings, checkpoint, manifest, model, task)
    measured = {split: trainee.evaluate(split) for split in ("validation", "test")}
    metrics = _metrics(
        settings, cluster, checkpoint, manifest, profile, progress, model, measured
    )
    write_mistakes(run_dir, manifest, predict_step)
    storage.write_json(run_dir / "metrics.json", metrics)
    write_report(run_dir)
    wait_for_all(strategy, cluster)
    return metrics


def _build(settings, checkpoint, manifest, dtype):
    dropout = settings.dropout
    encoder = build_encoder(checkpoint.config, dropout, dtype)
    if dropout is None:
        dropout = checkpoint.config.classifier_dropout
    if dropout is None:
        dropout = checkpoint.config.hidden_dropout_prob
    return TASKS[settings.task].build(encoder, len(manifest.labels), dropout)


def _make_optimizer(settings, model, manifest):
    updates_per_epoch = -(-num_batches(manifest, settings) // settings.accumulate)
    schedule = WarmupLinearDecay(
        settings.learning_rate, updates_per_epoch * settings.epochs, settings.warmup
    )
    return AdamW(
        schedule,
        settings.weight_decay,
        settings.clip_norm,
        rate_multipliers(model, settings.layer_decay),
        settings.ema,
    )


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
        f"Plan: {checkpoint.name} with {_count_weights(model) / 1e6:.1f} M parameters "
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
    )
    save_bundle(
        settings.run_dir / "bundle",
        model,
        task.HEAD_NAMES,
        checkpoint.config,
        checkpoint.tokenizer,
        info,
    )


def _metrics(
    settings, cluster, checkpoint, manifest, profile, progress, model, measured
):
    validation = measured["validation"]
    splits = manifest.splits.values()
    return {
        "name": settings.name,
        "task": settings.task,
        "seed": settings.seed,
        "labels": list(manifest.labels),
        "encoder": checkpoint.name,
        "source": manifest.source,
        "parameters": _count_weights(model),
        "dtype": profile.dtype,
        "threads": profile.threads,
        "workers": cluster.num_workers,
        "best_epoch": progress.best_epoch,
        "train": {
            "examples": progress.examples,
            "tokens": progress.tokens,
            "seconds": progress.seconds,
            "examples_per_second": progress.examples / progress.seconds,
            "tokens_per_second": progress.tokens / progress.seconds,
            "peak_memory_mb": peak_memory_mb(),
        },
        "validation": {
            name: validation[name]
            for name in ("loss", "accuracy", "macro_f1", "examples")
        },
        "test": measured["test"],
        "data": {
            "cut_texts": sum(split.cut_texts for split in splits),
            "empty_texts": sum(split.empty_texts for split in splits),
            "length_histogram": manifest.splits["train"].length_histogram,
        },
    }


def _count_weights(model):
    return sum(w.shape.num_elements() for w in model.weights if "seed" not in w.path)


def peak_memory_mb() -> float:
    """The most memory that this process ever had resident, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
