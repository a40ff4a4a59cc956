"""What tells the code that was measured from what it is after a change."""

import hashlib
import pathlib

from bench.contestant import ROOT


def code_digest(root: pathlib.Path = ROOT) -> str:
    """A few digits that change with any program of the package or the benchmark.

    Args:
        root: the project's directory.
    """
    digest = hashlib.sha256()
    for folder in ("bench", "bert_cpu"):
        for path in sorted((root / folder).rglob("*.py")):
            content = path.read_bytes()
            name = path.relative_to(root).as_posix()
            digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]
