"""What each worker knows, told to all of them."""

from collections.abc import Callable

import tensorflow as tf

from bert_cpu.training.cluster.cluster import Cluster


def make_gather(
    strategy: tf.distribute.Strategy, cluster: Cluster
) -> Callable[[int], list[int]]:
    """Compiles an exchange of numbers between all workers.

    Args:
        strategy: of the cluster.
        cluster: which of its workers this one is.

    Returns:
        `gather(number) -> list`, the number of each worker in the order of their
        indices. It returns when all workers have called it.
    """
    if cluster.num_workers == 1:
        return lambda number: [number]

    @tf.function
    def exchange(row):
        def replica_exchange(row):
            replica = tf.distribute.get_replica_context()
            # An input has no device yet, and is reduced only once it has one.
            return replica.all_reduce("SUM", tf.identity(row))

        (total,) = strategy.experimental_local_results(
            strategy.run(replica_exchange, (row,))
        )
        return total

    def gather(number):
        row = tf.one_hot(cluster.index, cluster.num_workers, number, 0, dtype=tf.int64)
        return exchange(row).numpy().tolist()

    return gather
