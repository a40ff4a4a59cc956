"""The processes that train together, and which of them this one is."""

import dataclasses
import re
from collections.abc import Sequence

from bert_cpu.errors import UserError

_ADDRESS = re.compile(r"[^\s:/\[\]@]+:[0-9]{1,5}")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train together, and which of them this one is."""

    workers: tuple[str, ...] = ()  # host:port of each; none for a process alone.
    index: int = 0
    # What named them, for people to read.
    source: str = dataclasses.field(default="", compare=False)
    # Whether workers of one machine may sum in memory.
    shares_memory: bool = dataclasses.field(default=True, compare=False)

    @property
    def num_workers(self) -> int:
        return max(1, len(self.workers))

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes files and to the screen."""
        return self.index == 0

    @property
    def host(self) -> str:
        """This worker's, as the others call it."""
        return self.workers[self.index].rpartition(":")[0]

    def name_of(self, index: int) -> str:
        """What a worker is called in messages, with its address."""
        return f"worker {index} ({self.workers[index]})"


def make_cluster(workers: Sequence[str], index: int, source: str) -> Cluster:
    """A cluster whose addresses are such and differ.

    Args:
        workers: host:port of each, the chief first.
        index: int. Which of them this process is; the caller has checked it.
        source: str. What named them, for messages.

    Raises:
        UserError: if one is no `host:port`, or two are the same.
    """
    for worker in workers:
        port = int(worker.rpartition(":")[2]) if _ADDRESS.fullmatch(worker) else 0
        if not 1 <= port <= 65535:
            raise UserError(
                f"{source} has the worker '{worker}', but must have host:port, with a "
                "port from 1 to 65535, for each."
            )
    twice = next((worker for worker in workers if workers.count(worker) > 1), None)
    if twice:
        raise UserError(
            f"{source} has the worker '{twice}' twice. Give each a host or a port of "
            "its own."
        )
    return Cluster(tuple(workers), index, source)
