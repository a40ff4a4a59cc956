"""Which way gradients of several workers take."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.sum_gradients import make_gradient_sum
from bert_cpu.training.sum_in_memory import make_memory_sum


def choose_gradient_sum(
    strategy: tf.distribute.Strategy,
    cluster: Cluster,
    variables: Sequence[keras.Variable],
    most_tokens: int | None = None,
    dtype: str = "float32",
) -> tuple[Callable, str]:
    """Sums in memory if all workers are on one machine, else over the network.

    Args:
        strategy: of these workers, all of which must call this.
        cluster: the workers; of one alone nothing is summed.
        variables, most_tokens, dtype: as `make_gradient_sum` has them.

    Returns:
        What `make_gradient_sum` returns; and "memory", "network" or, for one alone,
        "none".
    """
    over_network = make_gradient_sum(variables, cluster.num_workers, most_tokens, dtype)
    if cluster.num_workers == 1:
        return over_network, "none"
    in_memory = make_memory_sum(strategy, cluster, variables, most_tokens, over_network)
    return (in_memory, "memory") if in_memory else (over_network, "network")


def describe_workers(num_workers: int, gradient_sum: str) -> str:
    """Says in a plan how many train and how they sum; nothing of one alone.

    Args:
        num_workers: int, 1 or more.
        gradient_sum: as `choose_gradient_sum` calls it.
    """
    if num_workers == 1:
        return ""
    way = {"memory": "in memory", "network": "over the network"}[gradient_sum]
    return f"{num_workers} workers (sums {way}), "
