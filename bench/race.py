"""Races ours against each peer of a case, and says what came of it, a row a peer."""

from typing import Any

from bench.agreement import agreement
from bench.case import Case
from bench.contestant import Contestant, ContestantFailed
from bench.make_row import failed_row, make_rows
from bench.take_turns import take_turns, warm_up
from bench.workplace import Workplace


def race(
    case: Case, workplace: Workplace, rounds: int, limits: dict[str, Any]
) -> list[dict[str, Any]]:
    """Runs one case.

    Ours stays alive throughout, and peers come one after the other, so that never
    more than two hold memory. One that fails is a row that says why.

    Args:
        case: what to run.
        workplace: where.
        rounds: turns of each.
        limits: of the machine, from `measure_limits`; may be empty.

    Returns:
        Rows as `bench.json` has them.
    """
    rows: list[dict[str, Any]] = []
    peers = list(case.peers)
    try:
        limit_value = _measure_limit(case, workplace)
        with workplace.start(case.ours) as ours:
            checked, count = _make_ready(ours, case, workplace)
            while peers:
                rows += _race_peer(
                    case,
                    workplace,
                    ours,
                    checked,
                    count,
                    peers[0],
                    rounds,
                    limits,
                    limit_value,
                )
                peers.pop(0)
    except ContestantFailed as failure:
        # Ours, or what it is measured against: there is no row without it.
        rows += [failed_row(case, peer, str(failure)) for peer in peers]
    return rows


def _race_peer(
    case, workplace, ours, checked, count, peer, rounds, limits, limit_value
):
    entry = workplace.entries[peer]
    try:
        with workplace.start(peer) as theirs:
            their_checked, their_count = _make_ready(theirs, case, workplace)
            pairs = take_turns(
                ours,
                theirs,
                (count, their_count),
                rounds,
                case.deadline_seconds,
                case.patience,
            )
    except ContestantFailed as failure:
        if failure.who != peer:
            raise
        return [failed_row(case, peer, str(failure))]
    precision = _precision(workplace.entries[case.ours].precision, checked)
    for side, results in enumerate((checked, their_checked)):
        accuracies = [pair[side].extras.get("accuracy") for pair in pairs]
        if None not in accuracies:
            # It comes with the runs, each with a seed of its own.
            results["accuracy"] = sum(accuracies) / len(accuracies)
    differences, fault = agreement(
        checked, their_checked, (precision, entry.precision), case.accuracy_margin
    )
    return make_rows(
        case,
        peer,
        pairs,
        differences,
        fault,
        precision,
        limits,
        limit_value,
        entry.measures,
    )


def _make_ready(contestant: Contestant, case: Case, workplace: Workplace):
    """Prepares, checks and warms up: what it computed, and how many runs are a turn."""
    entry = workplace.entries[contestant.name]
    given = {**case.given, **entry.options}
    contestant.ask("prepare", case.deadline_seconds, given=given)
    checked = contestant.ask("check", case.deadline_seconds)["results"]
    if case.patience is not None:
        return checked, 1
    return checked, warm_up(contestant, case.turn_seconds, case.deadline_seconds)


def _precision(precision, checked):
    """Of ours: "auto" is what the project chose, which it says."""
    return checked["precision"] if precision == "auto" else precision


def _measure_limit(case: Case, workplace: Workplace) -> float | None:
    """Runs a second of the part that nobody can do without; None if none is known."""
    if case.limit is None:
        return None
    with workplace.start(case.limit) as contestant:
        _, count = _make_ready(contestant, case, workplace)
        best = 0.0
        for _ in range(3):
            turn = contestant.ask("run", case.deadline_seconds, count=count)
            best = max(best, turn["amount"] / turn["seconds"])
        return best
