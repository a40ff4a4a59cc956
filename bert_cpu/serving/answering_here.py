"""How this machine answers: what was asked for, else measured, else the default."""

from bert_cpu.hardware.answering import Answering, choose_answering
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.find_tuned_profile import find_tuned_profile


def answering_here(
    threads: int = 0, instances: int = 0
) -> tuple[Answering, str | None]:
    """Looks at the machine, its limits and its profile, which takes milliseconds.

    Args:
        threads, instances: see `choose_answering`.

    Returns:
        What to use; and if there is a profile that does not hold here, one line for
        the user that says why it is ignored.

    Raises:
        UserError: as `choose_answering`.
    """
    hardware = read_hardware()
    tuned, note = find_tuned_profile(hardware)
    return choose_answering(hardware, threads, instances, tuned), note
