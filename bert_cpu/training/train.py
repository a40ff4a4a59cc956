"""One run, from settings to a bundle and its measures."""

import dataclasses
from typing import Any

from bert_cpu import storage
from bert_cpu.counted import counted
from bert_cpu.data.damage.left_out import read_left_out
from bert_cpu.hardware.memory import format_bytes
from bert_cpu.report.write_report import write_report
from bert_cpu.settings import TrainSettings
from bert_cpu.training.assemble import Assembled, assemble
from bert_cpu.training.attended import write_attended
from bert_cpu.training.choose_sum import describe_workers
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.fit import fit
from bert_cpu.training.map_vectors import write_map
from bert_cpu.training.marked import write_marked
from bert_cpu.training.mistakes import write_mistakes
from bert_cpu.training.screen import Screen
from bert_cpu.training.strategy import wait_for_all
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
    run = assemble(settings, cluster, screen)
    run_dir, strategy, task = settings.run_dir, run.strategy, run.task
    evaluation = run.evaluation
    screen.say(_plan(run, cluster))
    evaluation.get_ready()

    try:
        progress = fit(
            run.trainee, settings, cluster, strategy, run.manifest.fingerprint, screen
        )
    finally:
        if run.ahead:
            run.ahead.stop()
    if not cluster.is_chief:
        wait_for_all(strategy, cluster)
        return {}
    run.save_bundle(run_dir / "bundle")
    # Of no epoch there is none, nor in a checkpoint of before it was kept.
    validation = progress.best_measured or evaluation("validation")
    answers = [(each.example, each.answer) for each in evaluation.answer("test")]
    measured = {"validation": validation, "test": evaluation.measure(answers)}
    metrics = _metrics(run, cluster, progress, measured)
    write_mistakes(run_dir, task, answers)
    write_marked(run_dir, task, answers)
    write_map(run_dir, task, answers)
    write_attended(run_dir, task, run.model, answers, evaluation.read)
    storage.write_json(run_dir / "metrics.json", metrics)
    write_report(run_dir)
    wait_for_all(strategy, cluster)
    return metrics


def _plan(run: Assembled, cluster: Cluster) -> str:
    profile, manifest, model = run.profile, run.manifest, run.model
    name, epochs = run.checkpoint.name, run.settings.epochs
    trained = sum(v.shape.num_elements() for v in model.trainable_variables)
    split = manifest.splits["train"]
    workers = describe_workers(cluster.num_workers, run.gradient_sum)
    threads = counted(profile.threads, "thread")
    return (
        f"Plan: {name} with {count_weights(model) / 1e6:.1f} M parameters "
        f"({trained / 1e6:.1f} M trained), {manifest.source}: {split.examples:,} "
        f"examples with {split.tokens:,} tokens, {counted(epochs, 'epoch')}, {workers}"
        f"{threads}, {profile.dtype}, about "
        f"{format_bytes(run.memory.total)} of memory"
    )


def _metrics(run, cluster, progress, measured):
    settings, manifest = run.settings, run.manifest
    splits = manifest.splits.values()
    return {
        "name": settings.name,
        "task": settings.task,
        "metrics": list(run.task.metrics),  # To show; the first tells the best epoch.
        "seed": settings.seed,
        "labels": list(manifest.labels),
        "encoder": run.checkpoint.name,
        "source": manifest.source,
        "parameters": count_weights(run.model),
        "dtype": run.profile.dtype,
        "threads": run.profile.threads,
        "workers": cluster.num_workers,
        "gradient_sum": run.gradient_sum,
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
            "unlabelled_texts": sum(split.unlabelled_texts for split in splits),
            "unknown_share": {
                name: split.unknown_share for name, split in manifest.splits.items()
            },
            "length_histogram": manifest.splits["train"].length_histogram,
            "left_out": dataclasses.asdict(read_left_out(manifest.directory)),
        },
    }
