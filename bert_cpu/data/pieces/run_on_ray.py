"""Pieces written on the machines of a Ray cluster, or by a Ray of this machine."""

import importlib.util
import os
from collections.abc import Iterable, Iterator
from typing import Any

from bert_cpu.data.pieces.piece import PieceWriter
from bert_cpu.data.pieces.writer_process import Job
from bert_cpu.errors import UserError


def check_ray() -> None:
    """Refuses before any work is done where Ray is not installed.

    Raises:
        UserError: if it is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise UserError(
            "--engine is ray, but Ray is not installed. Install it with "
            "`pip install 'bert_cpu[ray]'`, or leave --engine out."
        )


def run_on_ray(
    jobs: Iterable[Job], writer: PieceWriter, processes: int
) -> Iterator[tuple[str, int]]:
    """Writes pieces, and yields the split and number of each once it is there.

    This process reads the source and sends examples; Ray's processes tokenize, and
    write into the same directory, which all machines must see under the same name.

    Args:
        jobs: drawn only as fast as they are done.
        writer: of the pieces.
        processes: int. At most as many; 0: one a core of the cluster.

    Raises:
        UserError: as `PieceWriter.write`; or if a process of Ray was ended.
    """
    # It would report to its makers, and take standard output over.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.util import ActorPool

    started_here = not ray.is_initialized()
    if started_here:
        _begin(ray)
    try:
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        kind: Any = ray.remote(num_cpus=1)(_RemoteWriter)
        handle = ray.put(writer)
        pool = ActorPool([kind.remote(handle) for _ in range(processes or cores)])
        for job in jobs:
            # It keeps as many as it is given: no more than it can begin with.
            while not pool.has_free():
                yield pool.get_next_unordered()
            pool.submit(lambda actor, given: actor.write.remote(*given), job)
        while pool.has_next():
            yield pool.get_next_unordered()
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise UserError(str(error.cause)) from error
        raise
    except ray.exceptions.RayActorError as error:
        raise UserError(
            "A process of Ray that prepared records was ended, perhaps for want of "
            "memory or of a machine. Prepare again."
        ) from error
    finally:
        if started_here:
            ray.shutdown()


class _RemoteWriter:
    """A process of Ray, which keeps its tokenizer between two pieces."""

    def __init__(self, writer: PieceWriter):
        self._writer = writer

    def write(self, split, number, examples):
        self._writer.write(split, number, examples)
        return split, number


def _begin(ray):
    """Joins the cluster of RAY_ADDRESS, or starts a Ray on this machine alone."""
    options = {"log_to_driver": False, "logging_level": "ERROR"}
    if "RAY_ADDRESS" not in os.environ:
        # Nobody else is to be let in, nor is a page to be served.
        options |= {
            "address": "local",
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",
        }
    ray.init(**options)
