"""Deals the cores of this machine out to the workers that run on it."""

from collections.abc import Sequence

from bert_cpu.errors import UserError


def share_cores(
    nodes: Sequence[Sequence[int]], num_workers: int, threads: int = 0
) -> list[set[int]]:
    """Gives each worker as many cores as the others, of one NUMA node if it can be.

    Args:
        nodes: the cores of each node, as `read_numa_nodes` gives them.
        num_workers: int, 1 or more.
        threads: int. Cores for each, at most. 0: an even share.

    Returns:
        The cores of each worker; none has another's.

    Raises:
        UserError: if there are fewer cores than workers.
    """
    cores = [core for node in nodes for core in node]
    size = len(cores) // num_workers
    if size == 0:
        raise UserError(
            f"--workers is {num_workers}, but this process may use only {len(cores)} "
            "cores. Ask for one worker a core at most."
        )
    if sum(len(node) // size for node in nodes) >= num_workers:
        # Whole shares fit into the nodes, and what is left of a node stays free.
        starts = [node[: len(node) // size * size] for node in nodes]
        cores = [core for node in starts for core in node]
    shares = [cores[size * index : size * (index + 1)] for index in range(num_workers)]
    # Fewer threads than cores: the rest stays free for others.
    return [set(share[:threads] if threads else share) for share in shares]
