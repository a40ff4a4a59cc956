"""The time that a run may take, and its learning rate by that."""

from bert_cpu.settings import RunSettings
from bert_cpu.training.checkpoint import Progress
from bert_cpu.training.schedule import WarmupLinearDecay

# Steps between two guesses at how many there will be.
_GUESS_EVERY = 10


class Clock:
    """Ends a run that may take only so long, with its rate fallen to 0 by then.

    Args:
        settings: `minutes`, 0 for any time, and `accumulate`.
        schedule: of the rate.
        progress: of a run that goes on: it knows how many updates were expected.
    """

    def __init__(
        self, settings: RunSettings, schedule: WarmupLinearDecay, progress: Progress
    ):
        self._budget = settings.minutes * 60
        self._accumulate = settings.accumulate
        self._schedule = schedule
        if self._budget and progress.expected_updates:
            schedule.expect(progress.expected_updates)

    def is_up(self, progress: Progress) -> bool:
        return 0 < self._budget <= _spent(progress)

    def is_past(self, progress: Progress, share: float) -> bool:
        """Whether more than a share of the time has gone; False without a limit."""
        return 0 < self._budget * share <= _spent(progress)

    def is_almost_up(self, progress: Progress) -> bool:
        """Whether it will be, after a batch that takes as long as one did so far."""
        mean = progress.seconds / max(progress.step, 1)
        return 0 < self._budget <= _spent(progress) + mean

    def expect(self, progress: Progress) -> int | None:
        """How many steps there will be, at the speed so far; None without a limit."""
        if not self._budget:
            return None
        steps = progress.step * self._budget / max(_spent(progress), 1e-9)
        # The first steps are slow, and a wild guess would make the rate leap.
        if progress.step >= _GUESS_EVERY and progress.step % _GUESS_EVERY == 0:
            progress.expected_updates = steps / self._accumulate
            self._schedule.expect(progress.expected_updates)
        # The last step ends when the time is over already.
        return max(round(steps), progress.step)


def _spent(progress):
    return progress.seconds + progress.other_seconds
