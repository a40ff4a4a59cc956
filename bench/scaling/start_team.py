"""Starts the processes of a team, on cores of their own."""

import contextlib
import pathlib
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.contestant import Contestant
from bench.scaling.players import DEADLINE_SECONDS, FIRST_STEP
from bench.scaling.team import Team


@contextlib.contextmanager
def start_team(
    shares: Sequence[Sequence[int]],
    given: Mapping[str, Any],
    directory: pathlib.Path,
    module: str = "bench.ours.worker_steps",
    python_path: Sequence[str] = (),
) -> Iterator[tuple[Team, float]]:
    """Gives a team that has made its first step, and ends it.

    Args:
        shares: the cores of each process.
        given: what all are given, as `module` needs it; where they are and which of
            them each one is, is added here.
        directory: for what they print.
        module, python_path: see `Contestant`.

    Yields:
        The team, and the seconds from starting the processes to the end of their first
        step.

    Raises:
        ContestantFailed: if one can't start.
    """
    begun = time.monotonic()
    members = [
        Contestant(
            f"worker {index} of {len(shares)}",
            sys.executable,
            module,
            cores,
            directory / "logs" / f"worker_{index}_of_{len(shares)}.log",
            python_path,
        )
        for index, cores in enumerate(shares)
    ]
    with Team(members) as team:
        workers = _free_addresses(len(shares)) if len(shares) > 1 else []
        team.prepare(
            DEADLINE_SECONDS,
            [
                {**given, "workers": workers, "index": index}
                for index in range(len(shares))
            ],
        )
        team.ask("run", DEADLINE_SECONDS, count=1, how=FIRST_STEP)
        yield team, time.monotonic() - begun


def _free_addresses(count):
    """Of this machine, with ports that are free now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
