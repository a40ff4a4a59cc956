"""How long a ring all-reduce takes."""

from bench.scaling.costs import Costs
from bench.scaling.count_packs import count_packs
from bench.scaling.network import Network


def ring_all_reduce_seconds(costs: Costs, network: Network, num_workers: int) -> float:
    """Seconds until every worker has the sum of all gradients, if all begin at once.

    The gradients are cut into N pieces. In N - 1 steps every worker passes a piece on
    to its neighbour, which adds its own; in N - 1 more the sums go round. So a worker
    sends 2 (N - 1) messages and 2 (N - 1) / N of the gradients' bytes, which is the
    least that any all-reduce can do. It is so for each of the packs in which training
    sums them, which are taken to go one after the other.

    Args:
        costs: of a worker.
        network: between them.
        num_workers: int, 1 or more. One has nothing to send.

    Reference: Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms for
    clusters of workstations", https://doi.org/10.1016/j.jpdc.2008.09.002.
    """
    return 2 * (num_workers - 1) * hop_seconds(costs, network, num_workers)


def hop_seconds(costs: Costs, network: Network, num_workers: int) -> float:
    """Seconds from one worker to the next for one of the ring's pieces of each pack."""
    num_packs = count_packs(costs.gradient_bytes, num_workers)
    latency = network.latency_seconds + costs.message_seconds
    per_byte = network.seconds_per_byte + costs.copy_seconds_per_byte
    return num_packs * latency + costs.gradient_bytes / num_workers * per_byte
