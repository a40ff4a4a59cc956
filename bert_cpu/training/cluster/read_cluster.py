"""Which processes train together: from the command line or from the surroundings."""

import dataclasses
from collections.abc import Mapping

from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.kubernetes import read_kubernetes
from bert_cpu.training.cluster.listed import read_listed
from bert_cpu.training.cluster.slurm import read_slurm
from bert_cpu.training.cluster.tf_config import read_tf_config

# The variable with which it is 0, and in all workers, memory is not shared.
SWITCH = "BERT_CPU_SHARED_MEMORY"


def read_cluster(
    environment: Mapping[str, str], listed: str | None = None, index: int | None = None
) -> Cluster:
    """Finds the cluster that this process is in.

    What was typed counts before what a program has set, and what was set for
    TensorFlow before what a scheduler says of itself.

    Args:
        environment: the process's variables.
        listed: str. What `--cluster` names.
        index: int. What `--index` says.

    Returns:
        Cluster, with what named it in `source`. Without workers if nothing does.

    Raises:
        UserError: if what names it can't be right.
    """
    cluster = _read(environment, listed, index)
    return dataclasses.replace(cluster, shares_memory=environment.get(SWITCH) != "0")


def _read(environment, listed, index):
    if listed is not None:
        return read_listed(listed, index)
    for read in (read_tf_config, read_kubernetes, read_slurm):
        cluster = read(environment)
        if cluster.workers:
            return cluster
    return Cluster()
