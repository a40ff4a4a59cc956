"""How many interpreters answer, with how many threads, and from which file."""

import dataclasses
from typing import TYPE_CHECKING

from bert_cpu.errors import UserError
from bert_cpu.hardware.cpu import Hardware

if TYPE_CHECKING:  # Most machines have none.
    from bert_cpu.hardware.tuned_profile import TunedProfile

# With more, they would wait for Python's lock between their runs.
_MOST_INSTANCES = 16


@dataclasses.dataclass(frozen=True)
class Answering:
    """How one process answers."""

    # Of one text that somebody waits for.
    threads: int
    # Of many texts: interpreters side by side, and threads of each.
    instances: int
    threads_each: int
    # Take float32 where a model has both files, as int8 is slower here.
    refuses_int8: bool = False
    # Convert with signatures between the powers of two as well: less padding for a
    # text, and more memory for an interpreter that has met all lengths.
    middle_lengths: bool = True


def choose_answering(
    hardware: Hardware,
    threads: int = 0,
    instances: int = 0,
    tuned: "TunedProfile | None" = None,
) -> Answering:
    """Chooses for this hardware: what was asked for, else measured, else the default.

    By default one text gets a thread a core, and many texts get an interpreter a core
    (at most 16), each of one thread.

    Args:
        hardware: from `read_hardware`.
        threads: of one interpreter. 0: all cores for one text. Asked for alone, it
            means one interpreter for many texts as well: whoever limits the threads
            wants no more of them.
        instances: interpreters for many texts. 0: see above.
        tuned: what was measured here, if it was.

    Raises:
        UserError: if one is negative, or there would be more interpreters than cores.
    """
    for flag, count in (("--threads", threads), ("--instances", instances)):
        if count < 0:
            raise UserError(f"{flag} is {count}, but must be 0 or more.")
    cores = hardware.cores
    if instances > cores:
        raise UserError(
            f"--instances is {instances}, but must be 0 to {cores}, the cores that "
            "this process may use."
        )
    measured = tuned.answering if tuned else None
    refuses_int8 = measured.refuses_int8 if measured else False
    middle_lengths = measured.middle_lengths if measured else True
    if threads:
        many = (instances or 1, threads)
    elif instances:
        many = (instances, max(1, cores // instances))
    elif measured:
        many = (measured.instances, measured.threads_each)
    else:
        instances = min(cores, _MOST_INSTANCES)
        many = (instances, cores // instances)
    one = threads or (measured.threads if measured else cores)
    return Answering(one, *many, refuses_int8, middle_lengths)
