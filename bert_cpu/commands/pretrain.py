"""`bert-cpu pretrain`: from plain text to a pre-trained encoder."""

import os
import shlex

from bert_cpu.commands.start_workers import start_member, start_workers, with_workers
from bert_cpu.data.manifest import is_prepared
from bert_cpu.data.pretraining.manifest import load_pretraining_manifest
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.report.console import print_result
from bert_cpu.report.next_steps import next_steps
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.damage_facts import damage_facts
from bert_cpu.training.cluster.facts import gather_facts
from bert_cpu.training.cluster.read_cluster import read_cluster
from bert_cpu.training.cluster.together import together
from bert_cpu.training.pretrain import run_pretraining
from bert_cpu.training.pretraining_data import open_pretraining_records
from bert_cpu.training.run_directory import begun_run
from bert_cpu.training.screen import Screen
from bert_cpu.training.word_start import open_word_start


def run(settings: PretrainSettings) -> int:
    """Pre-trains alone, starts processes that do so together, or is a cluster's.

    Returns:
        The exit code.

    Raises:
        UserError, Interrupted: as `run_pretraining`.
    """
    cluster = read_cluster(os.environ, settings.cluster, settings.index)
    if cluster.num_workers > 1:
        return _pretrain_in_cluster(settings, cluster)
    with begun_run(with_workers(settings)) as begun:
        if begun.workers > 1 or begun.restarts:
            _prepare(begun)
            return start_workers(begun)
        return pretrain_and_show(begun, cluster)


def pretrain_and_show(settings: PretrainSettings, cluster: Cluster) -> int:
    """Pre-trains, and shows what came out if this is the chief."""
    screen = Screen(quiet=not cluster.is_chief)
    with together(
        cluster, _facts(settings, cluster), settings.join_timeout, settings.heartbeat
    ):
        metrics = run_pretraining(settings, cluster, screen)
    if cluster.is_chief:
        run_dir = settings.run_dir
        bundle = shlex.quote(str(run_dir / "bundle"))
        commands = [
            f"bert-cpu train --encoder {bundle} --name NAME --data …",
            *(command for command, _ in next_steps(run_dir)),
        ]
        print_result(metrics, [], commands, screen.console)
        screen.say(f"Everything is in '{run_dir}'; open report.html to see it.")
    return 0


def _pretrain_in_cluster(settings, cluster):
    if settings.minutes:
        raise UserError(
            f"--minutes is {settings.minutes:g}, but the {cluster.num_workers} workers "
            f"of {cluster.source} have no clock in common. Give --minutes 0 and "
            "--epochs."
        )
    if not is_prepared(str(settings.run_dir / "pretraining")):
        raise UserError(
            f"'{settings.run_dir}' has no prepared texts, which all workers of "
            f"{cluster.source} must see. Begin the run in one process, stop it by "
            "Ctrl-C after its first step, and go on with it by --resume in all."
        )
    if settings.restarts:
        return start_member(settings)
    if not cluster.is_chief:
        return pretrain_and_show(settings, cluster)
    with begun_run(settings) as begun:
        if begun.skip_damaged:
            _prepare(begun)  # Mended before the others are met, who look for it then.
        return pretrain_and_show(begun, cluster)


def _facts(settings, cluster):
    if cluster.num_workers == 1:
        return {}
    manifest = load_pretraining_manifest(
        settings.run_dir / "pretraining", checks_files=not settings.skip_damaged
    )
    encoder = open_checkpoint(settings.encoder).directory if settings.encoder else None
    facts = gather_facts(settings, cluster.workers, manifest.fingerprint, encoder)
    if settings.skip_damaged:
        facts |= damage_facts(manifest.directory, manifest.files)
    return facts


def _prepare(settings: PretrainSettings) -> None:
    """Prepares once, so that the workers only read."""
    checkpoint = open_checkpoint(settings.encoder) if settings.encoder else None
    directory = settings.run_dir / "pretraining"
    manifest, _ = open_pretraining_records(settings, directory, checkpoint, Screen())
    open_word_start(settings, manifest)
