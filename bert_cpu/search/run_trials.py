"""Runs the trials of a sweep until the budget is used up, here or by workers."""

import threading
import time
from collections.abc import Callable, Sequence, Set

from bert_cpu.search.oracle import drop_states, make_oracle, reload_oracle
from bert_cpu.search.role import Role
from bert_cpu.search.slots import run_slots
from bert_cpu.search.space import SearchSpace
from bert_cpu.search.sweep_tuner import SweepTuner
from bert_cpu.search.trial_runner import TrialRunner

# How long a chief waits, behind the deadline, for workers that do not answer.
_LATE_SECONDS = 120.0
_LOOK_SECONDS = 1.0


def run_trials(
    runner: TrialRunner,
    space: SearchSpace,
    shares: Sequence[Set[int]],
    role: Role,
    summarize: Callable[[], object],
) -> None:
    """Runs trials in as many processes as there are shares of the cores.

    Args:
        runner: runs one.
        space: that is searched.
        shares: the cores of each trial that runs at the same time.
        role: "alone", "chief", which answers workers and runs none, or "worker".
        summarize: is called after each trial that ended.

    Raises:
        FatalError: for a mistake of ours.
    """
    settings, state = runner.settings, runner.state
    oracle = make_oracle(settings, space, runner.objective, lambda: state.is_over)
    tuner = SweepTuner(oracle, runner, shares[0])
    if role != "worker" and settings.resume:
        # Not before the tuner has told it where its files are.
        reload_oracle(oracle, settings.sweep_dir)
    seen = 0

    def look():
        nonlocal seen
        if role != "worker" and len(oracle.end_order) != seen:
            seen = len(oracle.end_order)
            drop_states(oracle, settings.sweep_dir)
            summarize()

    if role == "chief":
        _answer_workers(tuner, oracle, state, look)
        return
    tuners = [tuner.at(slot, cores) for slot, cores in enumerate(shares)]
    run_slots([each.search for each in tuners], state, look)
    if role == "alone" and not state.stop.is_set:
        drop_states(oracle, settings.sweep_dir)


def _answer_workers(tuner, oracle, state, look):
    """Holds the oracle for workers until all have left, or those that are late."""
    # Keras Tuner's own loop looks every 20 seconds whether they have, and never gives
    # up. It ends with this process.
    server = threading.Thread(target=tuner.search, daemon=True)
    server.start()
    has_begun = False
    while server.is_alive() and not state.stop.is_set:
        time.sleep(_LOOK_SECONDS)
        look()
        has_begun = has_begun or bool(oracle.tuner_ids)
        if has_begun and not oracle.tuner_ids and not oracle.ongoing_trials:
            return
        late = state.deadline and time.monotonic() > state.deadline + _LATE_SECONDS
        if late:
            return
