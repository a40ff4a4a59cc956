"""Who trains: this process alone, or one of several that share the work."""

import dataclasses
import json
from collections.abc import Mapping

import tensorflow as tf

from bert_cpu.errors import UserError
from bert_cpu.native_noise import silenced


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train together, and which of them this one is."""

    workers: tuple[str, ...] = ()  # host:port of each; none for a process alone.
    index: int = 0

    @property
    def num_workers(self) -> int:
        return max(1, len(self.workers))

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes files and to the screen."""
        return self.index == 0


def read_cluster(environment: Mapping[str, str]) -> Cluster:
    """Reads `TF_CONFIG`, TensorFlow's description of a cluster.

    Args:
        environment: the process's variables.

    Raises:
        UserError: if it is there and is not a cluster of workers.
    """
    text = environment.get("TF_CONFIG", "").strip()
    if not text or text == "{}":
        return Cluster()
    try:
        config = json.loads(text)
        cluster = config["cluster"]
        chiefs, workers = cluster.get("chief", []), cluster.get("worker", [])
        kind, index = str(config["task"]["type"]), int(config["task"]["index"])
        if not all(isinstance(hosts, list) for hosts in (chiefs, workers)):
            raise TypeError("the workers are not a list")
        if not all(isinstance(host, str) for host in [*chiefs, *workers]):
            raise TypeError("a worker is not a string")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"TF_CONFIG is not a cluster ({type(error).__name__}: {error}). Expected "
            '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", '
            '"index": 0}}.'
        ) from error
    num_of_kind = {"chief": len(chiefs), "worker": len(workers)}
    if not 0 <= index < num_of_kind.get(kind, 0):
        raise UserError(
            f"TF_CONFIG says that this is {kind} {index}, but the cluster has "
            f"{len(chiefs)} chiefs and {len(workers)} workers. Correct its task."
        )
    position = index + (len(chiefs) if kind == "worker" else 0)
    return Cluster((*chiefs, *workers), position)


def make_strategy(cluster: Cluster) -> tf.distribute.Strategy:
    """The strategy under whose scope model and optimizer are made.

    Several workers are TensorFlow's MultiWorkerMirroredStrategy, which reads
    `TF_CONFIG` again and waits until all of them are there. It must be made
    before TensorFlow's first operation.
    """
    if cluster.num_workers == 1:
        return tf.distribute.get_strategy()
    with silenced():
        return tf.distribute.MultiWorkerMirroredStrategy()


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
