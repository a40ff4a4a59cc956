"""Runs the notebooks of this folder from top to bottom, and saves what they show.

Run it as `make notebooks`, and for one of them `make notebooks NAME=3`.
"""

import argparse
import concurrent.futures
import functools
import os
import pathlib
import sys
import tempfile

import nbclient
import nbformat
from traitlets.config import Config

NOTEBOOKS = pathlib.Path(__file__).resolve().parent
# Of one cell; a whole notebook takes less than this.
CELL_SECONDS = 600
# Of a kernel, which takes a second where nobody else computes.
STARTUP_SECONDS = 180
# Side by side in short: there no time is told, and much of it goes by on one core.
SHORT_AT_ONCE = 2
# A cell that failed or took too long, or a process that was killed under it.
STOPS = (
    nbclient.exceptions.CellExecutionError,
    nbclient.exceptions.CellTimeoutError,
    nbclient.exceptions.DeadKernelError,
)
# All that a reader's program asks of a notebook beside its cells. The rest (times,
# versions, an editor's marks) would differ from run to run.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def main(arguments: list[str] | None = None) -> int:
    """Executes what `arguments` name. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="execute.py", description=__doc__)
    parser.add_argument("--name", help="one notebook: its number or its name")
    parser.add_argument(
        "--short", action="store_true", help="on little data, and save nothing"
    )
    options = parser.parse_args(arguments)
    paths = find_notebooks(NOTEBOOKS, options.name)
    if not paths:
        known = ", ".join(path.stem for path in find_notebooks(NOTEBOOKS))
        print(
            f"--name is '{options.name}', but must be one of {known}, or its number.",
            file=sys.stderr,
        )
        return 2
    run = functools.partial(_run, is_short=options.short)
    with concurrent.futures.ThreadPoolExecutor(
        SHORT_AT_ONCE if options.short else 1
    ) as pool:
        for succeeded in pool.map(run, paths):
            if not succeeded:
                pool.shutdown(cancel_futures=True)
                return 1
    return 0


def find_notebooks(
    directory: pathlib.Path, name: str | None = None
) -> list[pathlib.Path]:
    """All notebooks of a folder in order, or the one of this name or number."""
    paths = sorted(directory.glob("*.ipynb"))
    if name is None:
        return paths
    wanted = name.removesuffix(".ipynb")
    return [path for path in paths if wanted in (path.stem, path.stem.split("_")[0])]


def execute(path: pathlib.Path, short: bool) -> nbformat.NotebookNode:
    """Runs a notebook in a process of its own, in its own folder.

    Args:
        path: of the notebook, which stays as it is.
        short: tells it so by BERT_CPU_SHORT.

    Returns:
        The notebook with the outputs of this run.

    Raises:
        Those of `STOPS`: if a cell fails; it shows the cell.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as sockets:
        client = nbclient.NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            startup_timeout=STARTUP_SECONDS,
            kernel_name="python3",
            record_timing=False,
            # Prints of one cell are one output, however they were cut on their way.
            coalesce_streams=True,
            resources={"metadata": {"path": str(path.parent)}},
            # By files that only this user can open, and no port of the machine.
            config=Config(
                {"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}
            ),
        )
        client.execute(env=os.environ | _environment(short))
    return notebook


def save(notebook: nbformat.NotebookNode, path: pathlib.Path) -> None:
    """Writes a notebook without what differs from run to run for no reason."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
    nbformat.validate(notebook)
    aside = path.with_suffix(".aside")
    aside.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    aside.replace(path)


def _run(path, is_short):
    """Executes one notebook and saves it; tells whether it got to its end."""
    print(f"{path.stem} ...", file=sys.stderr, flush=True)
    try:
        executed = execute(path, is_short)
    except STOPS as error:
        print(f"{path.name} stopped:\n{error}", file=sys.stderr)
        return False
    if not is_short:
        save(executed, path)
    return True


def _environment(short):
    return {
        "BERT_CPU_SHORT": "1" if short else "",
        # Progress bars would be drawn by widgets, which nothing here installs.
        "PYTHONWARNINGS": "ignore:IProgress not found",
        # Else the debugger that kernels bring warns of frozen modules.
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


if __name__ == "__main__":
    sys.exit(main())
