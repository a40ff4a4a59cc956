"""Tasks whose examples are compared within their batch train in one process."""

import dataclasses

from bert_cpu.errors import UserError
from bert_cpu.settings import TrainSettings
from bert_cpu.task_catalog import task_class
from bert_cpu.training.cluster.cluster import Cluster


def keep_whole_batch(settings: TrainSettings, cluster: Cluster) -> TrainSettings:
    """Sees to it that a batch is not dealt out, where a task needs all of it.

    Args:
        settings: of a run.
        cluster: what this process is in.

    Returns:
        The settings; with one worker, if the task needs that and they leave it open.

    Raises:
        UserError: if such a task is to train in several processes.
    """
    if not task_class(settings.task).needs_whole_batch:
        return settings
    asked = None
    if cluster.num_workers > 1:
        asked = f"{cluster.source} names {cluster.num_workers} workers"
    elif settings.workers > 1:
        asked = f"--workers is {settings.workers}"
    if asked:
        raise UserError(
            f"{asked}, but in --task {settings.task} each text chooses among all texts "
            "of its batch, which one process must hold. Train in one process, with "
            "all --threads."
        )
    return dataclasses.replace(settings, workers=1)
