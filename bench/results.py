"""bench.json: written after each case, so that a half benchmark can be gone on with."""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from bert_cpu.storage import write_json

# Of what describes a machine, all that is another one's where it differs.
_MACHINE = ("model", "cores", "threads_per_core", "simd")
_ELSE = "or leave --resume out to measure all of it again."


class Results:
    """What was found so far.

    Without `resume`, what is there is kept as `bench.json.old`.

    Args:
        path: of bench.json.
        settings: how it is measured.
        origin: what results belong to: `machine`, `versions` and `tuned`; and `code`,
            from `job_digests`.
        resume: keep what is there. It must be of the same settings, machine, versions
            and profile. Code may have changed: `of_other_code` says for which cases.

    Raises:
        SystemExit: if `resume` is asked for and the file is damaged, or of others.
    """

    def __init__(
        self,
        path: pathlib.Path,
        settings: dict[str, Any],
        origin: Mapping[str, Any],
        resume: bool,
    ):
        self._path = path
        self._code = origin["code"]
        fresh = {"rows": [], "settings": settings, "finished": [], "codes": {}}
        self._all: dict[str, Any] = fresh | dict(origin)
        if not path.exists():
            return
        if resume:
            found = _read(path)
            _check(path, found, self._all)
            self._all = {"codes": {}} | found | {"code": self._code}
        elif _read_at_all(path).get("finished"):
            # A run that came to nothing does not push them out.
            os.replace(path, path.with_name(f"{path.name}.old"))

    def has(self, key: str) -> bool:
        """Whether a case is done."""
        return key in self._all["finished"]

    def add(self, key: str, rows: list[dict[str, Any]]) -> None:
        """Keeps the rows of a case."""
        self._all["rows"] += rows
        self._all["finished"].append(key)
        self._all["codes"][key] = self._code.get(key.split(" | ")[0])
        self._write()

    def get(self, name: str) -> Any:
        return self._all.get(name)

    def set(self, name: str, value: Any) -> None:
        self._all[name] = value
        self._all["codes"][name] = self._code.get(name)
        self._write()

    def all(self) -> dict[str, Any]:
        return self._all

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._path, self._all)


def _read(path: pathlib.Path) -> dict[str, Any]:
    found = _read_at_all(path)
    if not all(isinstance(found.get(name), list) for name in ("rows", "finished")):
        raise SystemExit(
            f"'{path}' holds no results of a benchmark. Put it right, {_ELSE}"
        )
    return found


def _read_at_all(path):
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _check(path, found, here):
    if found.get("settings") != here["settings"]:
        raise SystemExit(
            f"'{path}' was measured with {found.get('settings')}, not with "
            f"{here['settings']}. Give the same options, {_ELSE}"
        )
    pairs = {
        f"machine.{name}": (found.get("machine", {}).get(name), here["machine"][name])
        for name in _MACHINE
    }
    for name in ("versions", "tuned"):
        pairs[name] = (found.get(name), here[name])
    for name, (before, now) in pairs.items():
        if before != now:
            raise SystemExit(
                f"'{path}' was measured with {name} {_difference(before, now)}. Go on "
                f"where it is the same, {_ELSE}"
            )


def _difference(before, now):
    """Of tables, the first entry that is not the same."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*before, *now]):
            if before.get(name) != now.get(name):
                inner = _difference(before.get(name), now.get(name))
                return f"{name} {inner}"
    return f"{before}, but here is {now}"
