"""What all slots of a sweep know together: whether to go on."""

import dataclasses
import threading
import time

from bert_cpu.errors import UserError
from bert_cpu.training.stop import StopRequest

# So many trials that fail one after the other have one cause.
_MOST_FAILURES = 3


@dataclasses.dataclass
class SweepState:
    """Shared by the threads of one process; each trial has a process of its own."""

    stop: StopRequest
    deadline: float | None  # Of `time.monotonic`, for trials.
    failure: UserError | None = None
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)
    _num_failed: int = 0

    @property
    def is_time_up(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    @property
    def is_over(self) -> bool:
        """Whether no trial may begin any more."""
        return self.stop.is_set or self.failure is not None or self.is_time_up

    def note(self, message: str | None) -> None:
        """Counts a trial that ended well, or failed with a message."""
        with self.lock:
            self._num_failed = 0 if message is None else self._num_failed + 1
            if self._num_failed >= _MOST_FAILURES:
                self.failure = UserError(
                    f"{self._num_failed} trials failed one after the other, the last "
                    f"with: {message}"
                )
