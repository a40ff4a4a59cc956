"""`bert-cpu pretrain`: from plain text to a pre-trained encoder."""

import os

from bert_cpu.data.pretraining.manifest import PretrainingManifest
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.report.console import print_result
from bert_cpu.report.next_steps import next_steps
from bert_cpu.training.launch import launch_run
from bert_cpu.training.pretrain import run_pretraining
from bert_cpu.training.pretraining_data import open_pretraining_records
from bert_cpu.training.run_directory import begun_run
from bert_cpu.training.screen import Screen
from bert_cpu.training.strategy import Cluster, read_cluster


def run(settings: PretrainSettings) -> int:
    """Pre-trains alone, or starts `settings.workers` processes that do so together.

    Returns:
        The exit code.

    Raises:
        UserError, Interrupted: as `run_pretraining`.
    """
    cluster = read_cluster(os.environ)
    if cluster.num_workers > 1:
        raise UserError(
            "TF_CONFIG names several workers, but pre-training starts its own on one "
            "machine: unset TF_CONFIG and give --workers."
        )
    with begun_run(settings) as begun:
        if begun.workers > 1:
            _prepare(begun)
            return launch_run(begun)
        return pretrain_and_show(begun, cluster)


def pretrain_and_show(settings: PretrainSettings, cluster: Cluster) -> int:
    """Pre-trains, and shows what came out if this is the chief."""
    screen = Screen(quiet=not cluster.is_chief)
    metrics = run_pretraining(settings, cluster, screen)
    if cluster.is_chief:
        run_dir = settings.run_dir
        commands = [
            f"bert-cpu train --encoder {run_dir / 'bundle'} --name NAME --data …",
            *(command for command, _ in next_steps(run_dir)),
        ]
        print_result(metrics, [], commands, screen.console)
        screen.say(f"Everything is in '{run_dir}'; open report.html to see it.")
    return 0


def _prepare(settings: PretrainSettings) -> PretrainingManifest:
    """Prepares once, so that the workers only read."""
    checkpoint = open_checkpoint(settings.encoder) if settings.encoder else None
    directory = settings.run_dir / "pretraining"
    return open_pretraining_records(settings, directory, checkpoint, Screen())[0]
