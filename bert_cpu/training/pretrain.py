"""One pre-training run, from plain text to a bundle that fills in masked words."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from transformers import BertConfig, BertTokenizerFast

from bert_cpu import storage
from bert_cpu.counted import counted
from bert_cpu.data.damage.left_out import read_left_out
from bert_cpu.data.pretraining.batches import held_out_batches, pretraining_batches
from bert_cpu.data.pretraining.manifest import PretrainingManifest
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.encoder_shape import EncoderShape
from bert_cpu.hardware.find_tuned_profile import find_tuned_profile
from bert_cpu.hardware.memory import (
    MemoryEstimate,
    check_training_memory,
    estimate_training_memory,
    format_bytes,
)
from bert_cpu.hardware.profile import Profile, choose_profile
from bert_cpu.hardware.trains_natively import trains_natively
from bert_cpu.models.checkpoint import Checkpoint, open_checkpoint
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.start_neighbours import start_neighbours
from bert_cpu.models.start_words import start_words
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.report.write_report import write_report
from bert_cpu.tasks.parts.pretrain import (
    HEAD_NAMES,
    MASKED_WORDS_NAMES,
    build_pretraining,
    pretraining_losses,
    pretraining_metrics,
    pretraining_sums,
)
from bert_cpu.training.choose_compiled import choose_compiled
from bert_cpu.training.choose_native import choose_native
from bert_cpu.training.choose_sum import choose_gradient_sum, describe_workers
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.fit import fit
from bert_cpu.training.loop import Trainee
from bert_cpu.training.make_optimizer import make_optimizer, make_schedule
from bert_cpu.training.pretrained import save_pretrained
from bert_cpu.training.pretraining_data import lengths_of, open_pretraining_records
from bert_cpu.training.screen import Screen
from bert_cpu.training.step import make_predict_step, make_train_step
from bert_cpu.training.strategy import make_strategy, wait_for_all
from bert_cpu.training.word_start import open_word_start
from bert_cpu.training.work import count_weights, describe_work

_FLOAT32 = 4  # bytes


def run_pretraining(
    settings: PretrainSettings, cluster: Cluster, screen: Screen
) -> dict[str, Any]:
    """Pre-trains an encoder, new or given, and saves it in the run's directory.

    The bundle has the layout of transformers' BertForPreTraining (BertForMaskedLM
    without the next sentence), so that `--encoder` opens it, and answers as the
    task `fill` does. The held-out documents are its test split.

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
    checkpoint = open_checkpoint(settings.encoder) if settings.encoder else None
    manifest, tokenizer = open_pretraining_records(
        settings, run_dir / "pretraining", checkpoint, screen, cluster.is_chief
    )
    word_start = open_word_start(settings, manifest, cluster.is_chief)
    config = _config_of(settings, checkpoint, tokenizer)
    hardware = read_hardware()
    tuned, _ = find_tuned_profile(hardware)
    # Workers must compute alike, wherever they are.
    tuned = tuned if cluster.num_workers == 1 else None
    profile = choose_profile(hardware, settings.dtype, settings.threads, tuned=tuned)
    memory = _estimate_memory(settings, cluster, config, manifest, profile)
    check_training_memory(memory, hardware, settings.workers or 1)

    # The same seed in all workers: they must start from the same weights.
    keras.utils.set_random_seed(settings.seed)
    shards = {
        length: manifest.open_shards("train", length) for length in lengths_of(settings)
    }
    lengths = [
        settings.short_length
        if epoch < settings.num_short_epochs
        else settings.max_length
        for epoch in range(settings.epochs)
    ]
    steps = [
        math.ceil(shards[length].examples / settings.batch_size) for length in lengths
    ]
    names = HEAD_NAMES if settings.next_sentence else MASKED_WORDS_NAMES
    with strategy.scope():
        encoder = build_encoder(config, settings.dropout, profile.dtype)
        model = build_pretraining(encoder, settings.next_sentence)
        if checkpoint is not None:
            for name in checkpoint.assign_to(model, names):
                screen.say(f"'{checkpoint.name}' has no {name}: it starts at random")
        elif settings.start != "random":
            start_neighbours(encoder)
        if word_start is not None:
            start_words(model, word_start)
        schedule = make_schedule(settings, *steps)
        optimizer = make_optimizer(settings, schedule, model)
    held_out = manifest.open_shards("validation", settings.max_length)
    spec = _any_size(held_out_batches(held_out, settings.batch_size).element_spec)
    predict_step = make_predict_step(model, spec)

    def evaluate():
        return _measure(predict_step, held_out_batches(held_out, settings.batch_size))

    def batches(epoch, skip):
        return pretraining_batches(
            shards[lengths[epoch]],
            settings.batch_size,
            settings.seed,
            epoch,
            skip,
            settings.mask_share,
            settings.whole_words,
            cluster.index,
            cluster.num_workers,
        )

    is_native = choose_native(model)
    # The table of words is the masked words' head too, and summed whole.
    sum_gradients, gradient_sum = choose_gradient_sum(
        strategy, cluster, model.trainable_variables, dtype=profile.dtype
    )
    metrics = ["masked_accuracy", "perplexity"]
    if settings.next_sentence:
        metrics.append("next_sentence_accuracy")
    trainee = Trainee(
        model,
        optimizer,
        make_train_step(
            model,
            _losses,
            optimizer,
            strategy,
            settings.accumulate,
            spec,
            not is_native and choose_compiled(settings.compile, sum(steps), lengths),
            sum_gradients=sum_gradients,
            is_native=is_native,
        ),
        batches,
        steps.__getitem__,
        schedule,
        evaluate,
        metrics,
        settings.num_short_epochs,
        settings.short_share,
    )
    workers = describe_workers(cluster.num_workers, gradient_sum)
    screen.say(_plan(settings, manifest, model, profile, memory, workers))
    progress = fit(trainee, settings, cluster, strategy, manifest.fingerprint, screen)
    if not cluster.is_chief:
        wait_for_all(strategy, cluster)
        return {}
    save_pretrained(settings, model, config, tokenizer)
    measured = {
        "name": settings.name,
        "task": "fill",
        "metrics": metrics,
        "seed": settings.seed,
        "labels": [],
        "encoder": settings.encoder or "random weights",
        "source": manifest.source,
        "parameters": count_weights(model),
        "dtype": profile.dtype,
        "threads": profile.threads,
        "workers": cluster.num_workers,
        "gradient_sum": gradient_sum,
        "best_epoch": progress.best_epoch,
        "train": describe_work(progress),
        "validation": evaluate() | {"examples": held_out.examples},
        "data": {
            "documents": manifest.documents,
            "unknown": manifest.unknown_share,
            "left_out": dataclasses.asdict(read_left_out(manifest.directory)),
        },
    }
    storage.write_json(run_dir / "metrics.json", measured)
    write_report(run_dir)
    wait_for_all(strategy, cluster)
    return measured


def _losses(batch, outputs):
    """Both losses in one: the next sentence's weighs as much as a mean hidden word."""
    losses = pretraining_losses(batch, outputs)
    if losses.next_sentence is None:
        return losses.masked, losses.num_masked
    return losses.masked + losses.next_sentence * losses.num_masked, losses.num_masked


def _measure(predict_step: Callable, batches: tf.data.Dataset) -> dict[str, float]:
    totals: dict[str, float] = {}
    for batch in batches:
        for name, value in pretraining_sums(batch, predict_step(batch)).items():
            totals[name] = totals.get(name, 0.0) + float(value)
    measured = pretraining_metrics(totals)
    loss = measured["masked_loss"] + measured.get("next_sentence_loss", 0.0)
    return {"loss": loss, **measured}


def _any_size(spec):
    """Lengths, and with them the numbers of hidden words, may change."""
    return {
        name: tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype)
        for name, tensor in spec.items()
    }


def _config_of(
    settings: PretrainSettings,
    checkpoint: Checkpoint | None,
    tokenizer: BertTokenizerFast,
) -> BertConfig:
    if checkpoint is not None:
        return checkpoint.config
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.num_layers,
        num_attention_heads=settings.num_heads,
        intermediate_size=4 * settings.hidden_size,
        # Room for longer texts in fine-tuning costs next to nothing.
        max_position_embeddings=max(512, settings.max_length),
        pad_token_id=tokenizer.pad_token_id,
    )


def _estimate_memory(
    settings: PretrainSettings,
    cluster: Cluster,
    config: BertConfig,
    manifest: PretrainingManifest,
    profile: Profile,
) -> MemoryEstimate:
    fields = {field.name for field in dataclasses.fields(EncoderShape)}
    known = {name: value for name, value in config.to_dict().items() if name in fields}
    shape = EncoderShape(**{**known, "num_labels": 2})
    batch_size = settings.batch_size // cluster.num_workers
    estimate = estimate_training_memory(
        shape,
        batch_size,
        settings.max_length,
        ema=settings.ema > 0,
        accumulate=settings.accumulate > 1,
        dtype=profile.dtype,
        num_workers=settings.workers or 1,
        is_native=trains_natively(shape, profile),
    )
    # Logits over all words, their softmax and its gradient.
    predictions = manifest.open_shards("train", settings.max_length).max_predictions
    logits = 3 * batch_size * predictions * config.vocab_size * _FLOAT32
    return dataclasses.replace(estimate, activations=estimate.activations + logits)


def _plan(settings, manifest, model, profile, memory, workers):
    info = manifest.shards[-2]  # Of training, at the full length.
    until = counted(settings.epochs, "epoch")
    if settings.minutes:
        until = f"{settings.minutes:g} minutes or {until}"
    return (
        f"Plan: {settings.encoder or 'a new encoder'} with "
        f"{count_weights(model) / 1e6:.1f} M parameters, {manifest.source}: "
        f"{info.examples:,} sequences with {info.tokens:,} tokens, {until}, "
        f"{workers}{counted(profile.threads, 'thread')}, {profile.dtype}, about "
        f"{format_bytes(memory.total)} of memory"
    )
