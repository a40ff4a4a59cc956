"""Whether a run's element-wise work is compiled for each length that it meets."""

from collections.abc import Iterable

# Lengths of batches are rounded up to a multiple of it, so that they are few. Of short
# texts 8 made 6 % more tokens, and an epoch took a tenth longer.
LENGTH_STEP = 4
# Compiling takes about 0.7 seconds of a core for each length, and saves a sixth of a
# step, which is rarely under 0.2 seconds.
_STEPS_A_LENGTH = 20


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
