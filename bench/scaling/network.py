"""What lies between two workers."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Network:
    """A network in which every worker sends and receives at full speed at once.

    Args:
        gigabits: a second, each way, of each worker.
        latency_seconds: until the first byte of a message is there, without what the
            software takes.
    """

    gigabits: float
    latency_seconds: float = 20e-6

    @property
    def seconds_per_byte(self) -> float:
        return 8e-9 / self.gigabits


# Latencies of data centres are 10 to 100 microseconds between hosts of one row.
NETWORKS = (Network(10), Network(25), Network(100))
