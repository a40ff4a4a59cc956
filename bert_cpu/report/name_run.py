"""A run as the options of a command name it."""

import shlex
from pathlib import Path

DEFAULT_RUNS_DIR = Path("runs")


def name_run(run_dir: Path) -> str:
    """`--name NAME`, and `--runs-dir` where that is another than the usual one.

    Args:
        run_dir: the run's directory, as it is to stand in a command.
    """
    named = f"--name {shlex.quote(run_dir.resolve().name)}"
    if run_dir.parent == DEFAULT_RUNS_DIR:
        return named
    return f"{named} --runs-dir {shlex.quote(str(run_dir.parent))}"
