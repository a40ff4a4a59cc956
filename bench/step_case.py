"""The case that all jobs of training steps have, in shapes and precisions."""

from bench.case import Case
from bench.count_flops import count_flops

ALL_PEERS = (
    "torch",
    "torch bf16",
    "torch.compile",
    "torch.compile bf16",
    "KerasHub",
    "KerasHub bf16",
)
_LENGTH = 128
_DROPOUT = 0.1


def step_case(
    job,
    shape_name,
    checkpoint,
    shape,
    batch,
    peers,
    goal,
    deadline_seconds,
    ours="ours",
    turn_seconds=10.0,
) -> Case:
    """A training step, dropout on, of full sequences.

    Args:
        job: str, the job's name.
        shape_name: str, the model's, for the case's name.
        checkpoint: str, the weights that all begin with.
        shape: dict as `bench.write_checkpoint` has them, for counting operations.
        batch: int. Sequences.
        peers: tuple of str, against whom.
        goal: float. The ratio to reach.
        deadline_seconds: float. For one answer of a contestant.
        ours: str, which contestant of ours.
        turn_seconds: float. Of work in one turn.
    """
    return Case(
        job=job,
        name=(
            f"{shape_name}, batch {batch}, length {_LENGTH}, dropout {_DROPOUT}, AdamW"
        ),
        unit="tokens/s",
        ours=ours,
        peers=peers,
        given={
            "checkpoint": checkpoint,
            "batch": batch,
            "length": _LENGTH,
            "dropout": _DROPOUT,
        },
        goal=goal,
        # Backwards costs twice what forwards does.
        work=(3 * count_flops(shape, _LENGTH) / _LENGTH, 0.0),
        turn_seconds=turn_seconds,
        deadline_seconds=deadline_seconds,
    )
