"""How the processes of a cluster compute together: TensorFlow's strategy."""

import tensorflow as tf

from bert_cpu.native_noise import silenced
from bert_cpu.training.cluster.cluster import Cluster


def make_strategy(cluster: Cluster) -> tf.distribute.Strategy:
    """The strategy under whose scope model and optimizer are made.

    Several workers are TensorFlow's MultiWorkerMirroredStrategy. It is told of the
    cluster here, whatever named it, and `TF_CONFIG` need not be set. It waits until
    all of them are there, and must be made before TensorFlow's first operation.
    """
    if cluster.num_workers == 1:
        return tf.distribute.get_strategy()
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.workers)}),
        task_type="worker",
        task_id=cluster.index,
        rpc_layer="grpc",
    )
    with silenced():
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def wait_for_all(strategy: tf.distribute.Strategy, cluster: Cluster) -> None:
    """Returns in each worker when all of them have called it.

    A worker that leaves early is taken for one that crashed.
    """
    if cluster.num_workers == 1:
        return

    @tf.function
    def meet():
        def replica_meet():
            replica = tf.distribute.get_replica_context()
            return replica.all_reduce("SUM", tf.ones([]))

        return strategy.run(replica_meet)

    meet()
