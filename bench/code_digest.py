"""What tells the code that was measured from what it is after a change."""

import hashlib
import pathlib
from collections.abc import Iterable

from bench.contestant import ROOT

# The kernel's sources, and what was compiled of them, if it was.
_SUFFIXES = (".py", ".cc", ".h", ".so")


def code_digest(
    root: pathlib.Path = ROOT, folders: Iterable[str] = ("bench", "bert_cpu")
) -> str:
    """A few digits that change with any program of the package or the benchmark.

    Args:
        root: the project's directory.
        folders: of it, that count.
    """
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in _SUFFIXES:
                continue
            content = path.read_bytes()
            name = path.relative_to(root).as_posix()
            digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]
