"""What was left out of damaged records, as it is counted and kept."""

import dataclasses
import json
import pathlib
from typing import Any

FILE_NAME = "left_out.json"
QUARANTINE = "quarantine"


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """How much of prepared data was left out because it was damaged."""

    places: int = 0  # Damaged stretches of files; each is of a record or of several.
    records: int = 0  # That the manifest counted and training does not see.
    # Examples without them: with windows, a text that lost one is left out whole.
    examples: int = 0


def read_left_out(directory: pathlib.Path) -> LeftOut:
    """What was left out of the records in a directory: nothing, unless it says so."""
    path = directory / FILE_NAME
    if not path.is_file():
        return LeftOut()
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return LeftOut(**content["left_out"])
