"""A cluster of the pods of a Kubernetes indexed Job.

The Job gives each pod its number and, with a headless service, a name that stays
when the pod is replaced; `deploy/` has a manifest. How many there are and what
they are called is in no variable of Kubernetes', so the manifest says it.
"""

from collections.abc import Mapping

from bert_cpu.errors import UserError
from bert_cpu.training.cluster.cluster import Cluster, make_cluster

_COUNT, _ADDRESS = "BERT_CPU_WORKERS", "BERT_CPU_WORKER_ADDRESS"
_INDEX = "JOB_COMPLETION_INDEX"


def read_kubernetes(environment: Mapping[str, str]) -> Cluster:
    """Reads `JOB_COMPLETION_INDEX`, and the two variables of the manifest.

    `BERT_CPU_WORKERS` is the number of pods. `BERT_CPU_WORKER_ADDRESS` is what each
    is called, such as `train-{index}.train:2222`.

    Args:
        environment: the process's variables.

    Returns:
        Cluster. Without workers where the manifest says nothing of them: an
        indexed Job may have other work.

    Raises:
        UserError: if one of the three is missing, or is none.

    Reference: https://kubernetes.io/docs/tasks/job/job-with-pod-to-pod-communication
    """
    given = [name for name in (_COUNT, _ADDRESS) if environment.get(name, "").strip()]
    if not given:
        return Cluster()
    for name in (_COUNT, _ADDRESS, _INDEX):
        if not environment.get(name, "").strip():
            raise UserError(
                f"{given[0]} is set, but {name} is not. Set all of {_COUNT}, "
                f"{_ADDRESS} and {_INDEX}, as deploy/indexed-job.yaml does."
            )
    count, index = environment[_COUNT].strip(), environment[_INDEX].strip()
    address = environment[_ADDRESS].strip()
    if not count.isdecimal() or not 1 <= int(count) <= 65536:
        raise UserError(f"{_COUNT} is '{count}', but must be a number of pods.")
    if not index.isdecimal() or int(index) >= int(count):
        raise UserError(
            f"{_INDEX} is '{index}', but must be 0 to {int(count) - 1}, as {_COUNT} is "
            f"{count}. Set that to the Job's completions."
        )
    if "{index}" not in address:
        raise UserError(
            f"{_ADDRESS} is '{address}', but must have {{index}} in the place of each "
            "pod's number, as in train-{index}.train:2222."
        )
    workers = [address.replace("{index}", str(pod)) for pod in range(int(count))]
    return make_cluster(workers, int(index), _ADDRESS)
