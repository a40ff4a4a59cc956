"""bench.json: written after each case, so that a half benchmark can be gone on with."""

import json
import pathlib
from typing import Any

from bert_cpu.storage import write_json


class Results:
    """What was found so far.

    Args:
        path: of bench.json.
        settings: how it is measured; results of other settings are not gone on with.
        resume: keep what is there.

    Raises:
        SystemExit: if `resume` is asked for and the file is of other settings.
    """

    def __init__(self, path: pathlib.Path, settings: dict[str, Any], resume: bool):
        self._path = path
        self._all: dict[str, Any] = {"rows": [], "settings": settings, "finished": []}
        if resume and path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found.get("settings") != settings:
                raise SystemExit(
                    f"'{path}' was measured with {found.get('settings')}, not with "
                    f"{settings}. Give the same options, or leave --resume out."
                )
            self._all = found

    def has(self, key: str) -> bool:
        """Whether a case is done."""
        return key in self._all["finished"]

    def add(self, key: str, rows: list[dict[str, Any]]) -> None:
        """Keeps the rows of a case."""
        self._all["rows"] += rows
        self._all["finished"].append(key)
        self._write()

    def get(self, name: str) -> Any:
        return self._all.get(name)

    def set(self, name: str, value: Any) -> None:
        self._all[name] = value
        self._write()

    def all(self) -> dict[str, Any]:
        return self._all

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._path, self._all)
