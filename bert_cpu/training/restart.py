"""Brings a run back that failed, from its last checkpoint."""

import dataclasses
import signal
from collections.abc import Callable
from typing import TypeVar

from bert_cpu.settings import RunSettings
from bert_cpu.training.checkpoint import has_checkpoint

Settings = TypeVar("Settings", bound=RunSettings)

# All is well, a mistake of the user's, stopped on request: again would be the same.
_FINAL = (0, 2, 130)


def with_restarts(
    settings: Settings, attempt: Callable[[Settings], int], say: Callable[[str], None]
) -> int:
    """Makes an attempt, and others while they fail and settings allow.

    Args:
        settings: of the run. `restarts` is how many more attempts there may be.
        attempt: starts what trains, waits for it, and gives its exit code. Another
            one than the first is given `resume` if there is a checkpoint by then.
        say: shows a line.

    Returns:
        The exit code of the last attempt.
    """
    for restart in range(settings.restarts + 1):
        code = attempt(settings)
        if code in _FINAL or restart == settings.restarts:
            return code
        can_resume = has_checkpoint(settings.run_dir / "checkpoints")
        settings = dataclasses.replace(
            settings,
            resume=can_resume,
            # What the attempt before left without a checkpoint is of no use.
            overwrite=not can_resume and (settings.run_dir / "config.json").exists(),
        )
        place = "its last checkpoint" if can_resume else "the beginning"
        say(
            f"The run failed ({_spoken(code)}). Starting it again from {place}, for "
            f"the {restart + 1}. time of {settings.restarts} (--restarts)."
        )
    raise AssertionError("the last attempt returns")


def _spoken(code):
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"exit code {code}"
