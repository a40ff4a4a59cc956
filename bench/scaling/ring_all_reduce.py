"""How long it takes workers to sum their gradients."""

from bench.scaling.costs import Costs
from bench.scaling.network import Network
from bench.scaling.sent_by_each import sent_by_each


def ring_all_reduce_seconds(costs: Costs, network: Network, num_workers: int) -> float:
    """Seconds until every worker has the sum of all gradients, if all begin at once.

    Packs are taken to go one after the other.

    Args:
        costs: of a worker.
        network: between them.
        num_workers: int, 1 or more. One has nothing to send.
    """
    messages, sent = sent_by_each(
        costs.table_bytes, costs.slice_bytes, costs.other_bytes, num_workers
    )
    latency = network.latency_seconds + costs.message_seconds
    per_byte = network.seconds_per_byte + costs.copy_seconds_per_byte
    return messages * latency + sent * per_byte
