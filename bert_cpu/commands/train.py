"""`bert-cpu train`: from raw text to a trained model."""

import os

from bert_cpu.data.manifest import is_prepared
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.report.console import print_result
from bert_cpu.report.next_steps import next_steps
from bert_cpu.report.read_run import read_run
from bert_cpu.settings import TrainSettings
from bert_cpu.tasks.catalog import make_task
from bert_cpu.training.launch import launch_run
from bert_cpu.training.records import open_records
from bert_cpu.training.run_directory import begun_run
from bert_cpu.training.screen import Screen
from bert_cpu.training.strategy import Cluster, read_cluster
from bert_cpu.training.train import run_training


def run(settings: TrainSettings) -> int:
    """Trains alone, or starts `settings.workers` processes that train together.

    Returns:
        The exit code.

    Raises:
        UserError, Interrupted: as `run_training`.
    """
    cluster = read_cluster(os.environ)
    if cluster.num_workers > 1 and not is_prepared(settings.data):
        raise UserError(
            f"--data is '{settings.data}', but with TF_CONFIG it must be a prepared "
            "directory that all workers see. Make it with `bert-cpu prepare`."
        )
    if cluster.num_workers > 1 and settings.minutes:
        raise UserError(
            f"--minutes is {settings.minutes:g}, but the {cluster.num_workers} workers "
            "of TF_CONFIG have no clock in common. Give --epochs instead."
        )
    if not cluster.is_chief:
        return train_and_show(settings, cluster)
    with begun_run(settings) as begun:
        # Asked of the run, because one that goes on has as many as it began with.
        if cluster.num_workers == 1 and begun.workers > 1:
            return _launch(begun)
        return train_and_show(begun, cluster)


def train_and_show(settings: TrainSettings, cluster: Cluster) -> int:
    """Trains, and shows what came out if this is the chief."""
    screen = Screen(quiet=not cluster.is_chief)
    metrics = run_training(settings, cluster, screen)
    if cluster.is_chief:
        run_dir = settings.run_dir
        print_result(
            metrics,
            read_run(run_dir).mistakes,
            [command for command, _ in next_steps(run_dir)],
            screen.console,
        )
        screen.say(f"Everything is in '{run_dir}'; open report.html to see it.")
    return 0


def _launch(settings):
    run_dir = settings.run_dir
    # Prepared here, once, so that the workers only read.
    checkpoint = open_checkpoint(settings.encoder)
    open_records(
        settings, make_task(settings), run_dir / "records", checkpoint, Screen()
    )
    return launch_run(settings)
