"""Ctrl-C and SIGTERM, heard but not obeyed at once."""

import contextlib
import signal
import threading
from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether somebody asked this process to stop."""

    def __init__(self):
        self.is_set = False
        self.number = 0  # The signal that was heard.


@contextlib.contextmanager
def listening() -> Iterator[StopRequest]:
    """Turns the first signal into a request; a second one works as ever.

    So a step is finished and its state saved, and whoever can't wait presses
    Ctrl-C again. Outside the main thread Python hears no signals, and the
    request stays unset.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def hear(number, frame):
        request.is_set, request.number = True, number
        signal.signal(number, before[number])

    for number in _SIGNALS:
        signal.signal(number, hear)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
