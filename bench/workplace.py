"""Where the benchmark runs: its environments, cores and files."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping

from bench.contestant import Contestant
from bench.contestants import CONTESTANTS, Entry


@dataclasses.dataclass(frozen=True)
class Workplace:
    """What starting a contestant takes.

    Args:
        pythons: "ours" and "peers" -> the interpreter of that environment.
        cores: the only cores that contestants may use.
        directory: for logs and for what is made once, such as trained runs.
        entries: who takes part; others in tests.
        python_path: see `Contestant`.
    """

    pythons: Mapping[str, str]
    cores: tuple[int, ...]
    directory: pathlib.Path
    entries: Mapping[str, Entry] = dataclasses.field(
        default_factory=lambda: CONTESTANTS
    )
    python_path: tuple[str, ...] = ()

    def start(self, name: str) -> Contestant:
        """Starts the process of a contestant."""
        entry = self.entries[name]
        log = re.sub(r"\W+", "_", name) + ".log"
        return Contestant(
            name,
            self.pythons[entry.environment],
            entry.module,
            self.cores,
            self.directory / "logs" / log,
            self.python_path,
        )


def usable_cores() -> tuple[int, ...]:
    """The cores that this process may use, by number."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))
