"""What a step, a checkpoint and a start cost: what the model begins with."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Costs:
    """Of one worker with a batch of its own, in seconds and bytes.

    Args:
        examples: in a worker's batch.
        compute_seconds: of a step without all-reduce and update, on average.
        deviation_seconds: the standard deviation of `compute_seconds` from step to
            step and from worker to worker.
        update_seconds: of the optimizer, which every worker does for all weights.
        table_bytes: of the word table's gradient.
        slice_bytes: of the rows of it that a worker's batch has.
        other_bytes: of all other gradients, as they are sent.
        copy_seconds_per_byte: that the software takes to send, receive and add a byte,
            beside the time on the wire.
        message_seconds: that the software takes for a message, however short.
        checkpoint_seconds: for which training waits while its state is written.
        restart_seconds: from a failure until the steps go on: to notice it, to start
            all workers and to read the last checkpoint.

    Raises:
        ValueError: if one of them is negative or not finite, or there is no example
            or no computing.
    """

    examples: float
    compute_seconds: float
    deviation_seconds: float
    update_seconds: float
    table_bytes: float
    slice_bytes: float
    other_bytes: float
    copy_seconds_per_byte: float
    message_seconds: float
    checkpoint_seconds: float
    restart_seconds: float

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            is_needed = name in ("examples", "compute_seconds")
            if not math.isfinite(value) or value < 0 or (is_needed and value == 0):
                least = "more than 0" if is_needed else "0 or more"
                raise ValueError(f"`{name}` is {value}, but must be {least}.")
        if self.deviation_seconds > self.compute_seconds:
            raise ValueError(
                f"`deviation_seconds` is {self.deviation_seconds}, more than the "
                f"{self.compute_seconds} of `compute_seconds` that it is a part of. "
                "Measure on a machine that does nothing else."
            )


def read_costs(results: Mapping[str, Any]) -> Costs:
    """The costs that scale.json has.

    Raises:
        ValueError: naming what is missing in it, or more than there should be.
    """
    costs = results.get("costs")
    if not isinstance(costs, Mapping):
        raise ValueError("it has no `costs`. Measure with `make bench-scale`.")
    names = {field.name for field in dataclasses.fields(Costs)}
    if set(costs) != names:
        differing = ", ".join(sorted(names ^ set(costs)))
        raise ValueError(
            f"its `costs` have not the fields that they should: {differing}. "
            "Measure again with `make bench-scale`."
        )
    return Costs(**costs)
