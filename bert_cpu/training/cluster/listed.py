"""A cluster as `--cluster host:port,host:port --index 0` names it."""

from bert_cpu.errors import UserError
from bert_cpu.training.cluster.cluster import Cluster, make_cluster


def read_listed(listed: str, index: int | None) -> Cluster:
    """Reads what was typed.

    Args:
        listed: str. The addresses, with commas between them.
        index: int. Which of them this process is.

    Raises:
        UserError: if an address is none, or the index is not that of one.
    """
    workers = [worker.strip() for worker in listed.split(",")]
    last = len(workers) - 1
    if index is None or not 0 <= index <= last:
        given = "missing" if index is None else index
        raise UserError(
            f"--index is {given}, but --cluster names {len(workers)} workers. Give "
            f"each its place in the list, 0 to {last}."
        )
    return make_cluster(workers, index, "--cluster")
