"""Whether a run's element-wise work is compiled for each length that it meets."""

from collections.abc import Iterable

# Lengths of batches are rounded up to a multiple of it, so that they are few.
LENGTH_STEP = 8
# Compiling takes about two seconds a length and saves a sixth of a step, which is
# rarely under 0.2 seconds.
_STEPS_A_LENGTH = 60


def choose_compiled(choice: str, num_steps: int, lengths: Iterable[int]) -> bool:
    """Chooses, from what the run is to do.

    Args:
        choice: "on", "off", or "auto" for wherever it pays.
        num_steps: int. Batches in all epochs.
        lengths: tokens in its sequences.
    """
    if choice != "auto":
        return choice == "on"
    num_lengths = len({-(-length // LENGTH_STEP) for length in lengths})
    return num_steps >= _STEPS_A_LENGTH * num_lengths
