"""`bert-cpu train`: from raw text to a trained model."""

import os
import pathlib

from bert_cpu.commands.start_workers import start_member, start_workers, with_workers
from bert_cpu.data.manifest import is_prepared, load_manifest
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.report.console import print_result
from bert_cpu.report.next_steps import next_steps
from bert_cpu.report.read_run import read_run
from bert_cpu.settings import TrainSettings
from bert_cpu.task_catalog import make_task
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.damage_facts import damage_facts
from bert_cpu.training.cluster.facts import gather_facts
from bert_cpu.training.cluster.read_cluster import read_cluster
from bert_cpu.training.cluster.together import together
from bert_cpu.training.records import open_records
from bert_cpu.training.run_directory import begun_run
from bert_cpu.training.screen import Screen
from bert_cpu.training.train import run_training
from bert_cpu.training.whole_batch import keep_whole_batch


def run(settings: TrainSettings) -> int:
    """Trains alone, starts processes that train together, or is one of a cluster's.

    Returns:
        The exit code.

    Raises:
        UserError, Interrupted: as `run_training`.
    """
    cluster = read_cluster(os.environ, settings.cluster, settings.index)
    settings = keep_whole_batch(settings, cluster)
    if cluster.num_workers > 1:
        return _train_in_cluster(settings, cluster)
    with begun_run(with_workers(settings)) as begun:
        if begun.workers > 1 or begun.restarts:
            return _start(begun)
        return train_and_show(begun, cluster)


def train_and_show(settings: TrainSettings, cluster: Cluster) -> int:
    """Trains with the others, and shows what came out if this is the chief."""
    screen = Screen(quiet=not cluster.is_chief)
    with together(
        cluster, _facts(settings, cluster), settings.join_timeout, settings.heartbeat
    ):
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


def _train_in_cluster(settings, cluster):
    if not is_prepared(settings.data):
        raise UserError(
            f"--data is '{settings.data}', but with {cluster.source} it must be a "
            "prepared directory that all workers see. Make it with `bert-cpu prepare`."
        )
    if settings.minutes:
        raise UserError(
            f"--minutes is {settings.minutes:g}, but the {cluster.num_workers} workers "
            f"of {cluster.source} have no clock in common. Give --epochs instead."
        )
    if settings.workers > 1:
        raise UserError(
            f"--workers is {settings.workers}, but {cluster.source} names the "
            f"{cluster.num_workers} workers already. Leave --workers out."
        )
    if settings.restarts:
        return start_member(settings)
    if not cluster.is_chief:
        return train_and_show(settings, cluster)
    with begun_run(settings) as begun:
        if begun.skip_damaged:
            _open(begun)  # Mended before the others are met, who look for it then.
        return train_and_show(begun, cluster)


def _start(settings):
    # Prepared here, once, so that the workers only read.
    _check_share(_open(settings), settings.workers)
    return start_workers(settings)


def _open(settings):
    return open_records(
        settings,
        make_task(settings),
        settings.run_dir / "records",
        open_checkpoint(settings.encoder),
        Screen(),
        settings.mended_dir,
    )


def _facts(settings, cluster):
    if cluster.num_workers == 1:
        return {}
    own = settings.run_dir / "records"
    data = pathlib.Path(settings.data) if is_prepared(settings.data) else own
    manifest = load_manifest(data)
    _check_share(manifest, cluster.num_workers)
    encoder = open_checkpoint(settings.encoder).directory
    facts = gather_facts(settings, cluster.workers, manifest.fingerprint, encoder)
    if settings.skip_damaged:
        # They run as many steps only if they leave the same records out.
        files = {n: d for i in manifest.splits.values() for n, d in i.shards.items()}
        facts |= damage_facts(data, files)
    return facts


def _check_share(manifest, num_workers):
    examples = manifest.splits["train"].examples
    if examples < num_workers:
        raise UserError(
            f"'{manifest.directory}' has {examples} training examples, too few for "
            f"{num_workers} workers. Give fewer workers, or more data."
        )
