"""Ctrl-C and SIGTERM, heard but not obeyed at once.

With SIGTERM a machine that is lent (a spot instance) is taken back after a grace
period, and Kubernetes or Slurm end a job. TensorFlow has an answer of its own,
`tf.distribute.experimental.PreemptionCheckpointHandler`. It is not used here: its
checkpoints are TensorFlow's, which would stand beside this package's own and be
found by nobody who goes on from those; workers settle on the step to stop after by
messages of their own; and it ends the process itself, with a code that depends on
the cloud unless one is given. Here the request is one more number in the sum over
workers that every step makes anyway. So all learn of it in the step in which one of
them was asked, stop after the same step, and need as long for it as that step and its
checkpoint take.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopNow(BaseException):
    """Leaves work that is done again when the run goes on.

    Like KeyboardInterrupt it is no Exception: nothing on its way takes it for a
    mistake.
    """


class StopRequest:
    """Whether somebody asked this process to stop."""

    def __init__(self):
        self.is_set = False
        self.number = 0  # The signal that was heard.
        self._is_obeyed_at_once = False

    def hear(self, number: int) -> None:
        """Takes note of a signal."""
        self.is_set, self.number = True, number
        if self._is_obeyed_at_once:
            raise StopNow

    @contextlib.contextmanager
    def obeyed_at_once(self) -> Iterator[None]:
        """Within it a request raises `StopNow`, also one that came before."""
        self._is_obeyed_at_once = True
        try:
            if self.is_set:
                raise StopNow
            yield
        finally:
            self._is_obeyed_at_once = False


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
        signal.signal(number, before[number])
        request.hear(number)

    for number in _SIGNALS:
        signal.signal(number, hear)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
