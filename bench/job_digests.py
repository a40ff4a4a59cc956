"""What tells the programs that a job was measured with from those after a change."""

import ast
import hashlib
import pathlib
from collections.abc import Iterator, Mapping

from bench import contestants
from bench.catalog import GROWTH, JOBS
from bench.code_digest import code_digest, package_digest
from bench.contestant import ROOT
from bench.contestants import CONTESTANTS, Entry

_RACE = ("bench.race", "bench.serve")

# Of each job, of growth and of the machine's limits, where they are measured.
MODULES = {
    **{job: cases.__module__ for job, cases in JOBS.items()},
    GROWTH: "bench.growth",
    "limits": "bench.limits",
}


def job_digests(
    root: pathlib.Path = ROOT,
    modules: Mapping[str, str] = MODULES,
    entries: Mapping[str, Entry] = CONTESTANTS,
) -> dict[str, str]:
    """A few digits for each job, for growth and for the machine's limits.

    They change with any program of the package, and with what that job takes of the
    benchmark: a peer's program that is mended leaves other jobs' results as they are.
    A comment or docstring of Python changes none.

    Args:
        root: the project's directory.
        modules: each job's own.
        entries: the contestants that there are, by name.
    """
    package = package_digest(root)
    race = {path for each in _RACE for path in programs_of(each, root, {})[0]}
    digests = {}
    for job, module in modules.items():
        paths, named = programs_of(module, root, entries)
        options = "".join(f"{name} {entries[name]}\n" for name in sorted(named))
        whole = package + code_digest(paths | race) + options
        digests[job] = hashlib.sha256(whole.encode()).hexdigest()[:12]
    return digests


def programs_of(
    module: str, root: pathlib.Path, entries: Mapping[str, Entry]
) -> tuple[set[pathlib.Path], set[str]]:
    """What a module takes of the benchmark.

    Args:
        module: by its whole name.
        root: the project's directory.
        entries: the contestants that there are, by name.

    Returns:
        The files of the modules that it reaches (those it imports, those it names to
        be started, and those of its contestants); and its contestants, which it names
        itself, or a module does that makes cases.
    """
    found: set[pathlib.Path] = set()
    named: set[str] = set()
    left = [module]
    while left:
        name = left.pop()
        path = _file(name, root)
        if path is None or path in found:
            continue
        found.add(path)
        words = set(_words(path))
        if name == module or "bench.case" in words:
            named |= words & set(entries)
            words |= {entries[word].module for word in words & set(entries)}
        left += words
    return found, named


def _file(module, root):
    """Of a module of the benchmark that counts, or None.

    Who takes part where is counted by the entries, not by the file that has them.
    """
    if not module.startswith("bench.") or module == contestants.__name__:
        return None
    path = root / (module.replace(".", "/") + ".py")
    return path if path.is_file() else None


def _words(path) -> Iterator[str]:
    """What may be a module's or a contestant's name: imports and texts."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
