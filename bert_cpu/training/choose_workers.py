"""How many processes train together where nobody said it."""

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

from bert_cpu.settings import RunSettings

Settings = TypeVar("Settings", bound=RunSettings)

# Below that, the work of a second process costs more than distant memory.
_LEAST_CORES = 8


def choose_workers(
    settings: Settings, nodes: Sequence[Sequence[int]], cores: int
) -> Settings:
    """Settles on a number of workers on this machine, if settings leave it open.

    A process whose threads are on several NUMA nodes waits for the memory of the
    other ones. So there is one worker for each node of a machine whose nodes have
    eight cores or more; fewer, each with several nodes, where only that divides the
    batch; and one on any smaller machine or for a run that ends by the clock.

    Args:
        settings: of a run that begins. Those that name a number stay as they are.
        nodes: the cores of each node, as `read_numa_nodes` gives them.
        cores: int. How many this process may use, also by its cgroup's time.

    Returns:
        The settings, with one worker or more.
    """
    if settings.workers:
        return settings
    workers = 1
    are_large = all(len(node) >= _LEAST_CORES for node in nodes)
    if are_large and cores >= _LEAST_CORES * len(nodes) and not settings.minutes:
        workers = next(
            count
            for count in range(len(nodes), 0, -1)
            if len(nodes) % count == 0 and settings.batch_size % count == 0
        )
    return dataclasses.replace(settings, workers=workers)
