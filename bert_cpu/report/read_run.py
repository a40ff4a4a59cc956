"""Everything that a report tells, read from the files of one run directory."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from bert_cpu.errors import UserError


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run directory holds; what it doesn't hold (yet) is empty.

    A run may be under way, stopped, or from before a file was written, so no
    reader may count on a key.
    """

    directory: Path
    # config.json: the settings by name.
    config: dict[str, Any]
    # metrics.json
    metrics: dict[str, Any]
    # history.jsonl, the lines of kind "step" and of kind "epoch", in order.
    steps: list[dict[str, Any]]
    epochs: list[dict[str, Any]]
    # mistakes.jsonl, surest first.
    mistakes: list[dict[str, Any]]
    # marked.jsonl, in the order of the test split.
    marked: list[dict[str, Any]]
    # map.jsonl, a pair of texts on each line.
    mapped: list[dict[str, Any]]
    # attention.jsonl, a question on each line.
    attended: list[dict[str, Any]]
    # tflite/report.json
    tflite: dict[str, Any]
    # Names of files that are there but can't be read.
    unreadable: list[str]

    @property
    def name(self) -> str:
        return str(self.metrics.get("name") or self.directory.resolve().name)


def read_run(run_dir: Path) -> Run:
    """Reads the files of `run_dir` that a report is made of.

    A file that is missing counts as empty. One that is damaged does too, and is
    named in `Run.unreadable`. A last line that was cut off is left out.

    Raises:
        UserError: if `run_dir` is not a directory.
    """
    if not run_dir.is_dir():
        raise UserError(
            f"'{run_dir}' is not a directory, but a run directory was expected. "
            "Train first, or name a directory that training wrote."
        )
    unreadable: list[str] = []
    history = _read_lines(run_dir / "history.jsonl", unreadable)
    return Run(
        directory=run_dir,
        config=_read_object(run_dir / "config.json", unreadable),
        metrics=_read_object(run_dir / "metrics.json", unreadable),
        steps=[line for line in history if line.get("kind") == "step"],
        epochs=[line for line in history if line.get("kind") == "epoch"],
        mistakes=_read_lines(run_dir / "mistakes.jsonl", unreadable),
        marked=_read_lines(run_dir / "marked.jsonl", unreadable),
        mapped=_read_lines(run_dir / "map.jsonl", unreadable),
        attended=_read_lines(run_dir / "attention.jsonl", unreadable),
        tflite=_read_object(run_dir / "tflite" / "report.json", unreadable),
        unreadable=unreadable,
    )


def _read_object(path: Path, unreadable: list[str]) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        value = None
    if isinstance(value, dict):
        return value
    unreadable.append(path.name)
    return {}


def _read_lines(path: Path, unreadable: list[str]) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        # Not splitlines: a text may hold U+2028, which would split it.
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError):
        unreadable.append(path.name)
        return []
    objects: list[dict[str, Any]] = []
    is_damaged = False
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError:
            # A run that was killed leaves half a line at the very end.
            is_damaged |= number + 1 < len(lines)
            continue
        if isinstance(value, dict):
            objects.append(value)
        else:
            is_damaged = True
    if is_damaged:
        unreadable.append(path.name)
    return objects
