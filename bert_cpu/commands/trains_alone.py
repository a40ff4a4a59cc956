"""Whether a command trains in one process, asked before TensorFlow is imported."""

import os

from bert_cpu.settings import RunSettings
from bert_cpu.training.cluster.read_cluster import read_cluster


def trains_alone(command: object) -> bool:
    """Whether it joins no cluster, as all that don't train do.

    Raises:
        UserError: if it trains, and what names its cluster can't be right.
    """
    if not isinstance(command, RunSettings):
        return True
    return read_cluster(os.environ, command.cluster, command.index).num_workers == 1
