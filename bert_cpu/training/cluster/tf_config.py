"""A cluster as `TF_CONFIG` describes it, which Kubeflow's TFJob sets as well."""

import json
from collections.abc import Mapping

from bert_cpu.errors import UserError
from bert_cpu.training.cluster.cluster import Cluster, make_cluster


def read_tf_config(environment: Mapping[str, str]) -> Cluster:
    """Reads `TF_CONFIG`, TensorFlow's description of a cluster.

    A chief comes before the workers. What else a TFJob writes there, such as its
    `environment`, has no meaning here.

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
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise UserError(
            f"TF_CONFIG is not a cluster ({type(error).__name__}: {error}). Expected "
            '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", '
            '"index": 0}}.'
        ) from error
    others = sorted(name for name in set(cluster) - {"chief", "worker"})
    if others:
        raise UserError(
            f"TF_CONFIG has {' and '.join(others)} in its cluster, but workers train "
            "together here without parameter servers or evaluators. Leave only chief "
            "and worker in it (in a TFJob: in its tfReplicaSpecs)."
        )
    num_of_kind = {"chief": len(chiefs), "worker": len(workers)}
    if not 0 <= index < num_of_kind.get(kind, 0):
        raise UserError(
            f"TF_CONFIG says that this is {kind} {index}, but the cluster has "
            f"{len(chiefs)} chiefs and {len(workers)} workers. Correct its task."
        )
    position = index + (len(chiefs) if kind == "worker" else 0)
    return make_cluster([*chiefs, *workers], position, "TF_CONFIG")
