"""Runs trials at the same time, each slot with a thread here and a process there."""

import threading
import time
from collections.abc import Callable, Sequence

from bert_cpu.search.state import SweepState

_LOOK_SECONDS = 0.1
# Processes get a minute to save and leave.
_GRACE_SECONDS = 70.0


def run_slots(
    works: Sequence[Callable[[], None]],
    state: SweepState,
    look: Callable[[], object] = lambda: None,
) -> None:
    """Does several works at once, and waits for them.

    When one of them raises, the state's request to stop is set for the others, and
    what it raised is raised here.

    Args:
        works: what each slot does.
        state: that the works look at.
        look: is called every few moments from this thread.
    """
    raised: list[BaseException] = []

    def guarded(work):
        try:
            work()
        except BaseException as error:
            raised.append(error)
            state.stop.is_set = True

    # Daemons: a second Ctrl-C leaves at once, and their processes follow.
    threads = [
        threading.Thread(target=guarded, args=(work,), daemon=True) for work in works
    ]
    for thread in threads:
        thread.start()
    deadline = None
    while any(thread.is_alive() for thread in threads):
        time.sleep(_LOOK_SECONDS)
        look()
        if raised:
            # What was raised under a lock of Keras Tuner's leaves it closed.
            deadline = deadline or time.monotonic() + _GRACE_SECONDS
            if time.monotonic() > deadline:
                break
    if raised:
        raise raised[0]
