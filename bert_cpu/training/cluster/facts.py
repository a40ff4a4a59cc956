"""What all workers of a run must have in common, as texts to compare."""

import dataclasses
import hashlib
import importlib.metadata
import pathlib
import platform

from bert_cpu import storage
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.settings import RunSettings
from bert_cpu.training.cluster.computing_facts import computing_facts

# Each worker's own affair, or compared by what is found there.
_OWN = {
    *("cluster", "index", "workers", "threads", "join_timeout", "restarts"),
    *("runs_dir", "overwrite", "checkpoint_minutes", "keep_checkpoints"),
    *("data", "validation", "test", "encoder"),
}
_PACKAGES = ("tensorflow-cpu", "keras", "numpy")
_PACKAGE = pathlib.Path(__file__).resolve().parents[2]


def gather_facts(
    settings: RunSettings,
    workers: tuple[str, ...],
    fingerprint: str | None,
    encoder: pathlib.Path | None,
    package: pathlib.Path = _PACKAGE,
) -> dict[str, str]:
    """Describes what a worker is about to train, with what, and how.

    Args:
        settings: of the run.
        workers: host:port of each, as this one was told.
        fingerprint: str. Of the data.
        encoder: the directory of the checkpoint it starts from.
        package: the directory of the code.

    Returns:
        dict, from what it is about to its value: settings as they are typed, and
        SHA-256s of all that is longer.
    """
    facts = {
        "--" + field.name.replace("_", "-"): str(getattr(settings, field.name))
        for field in dataclasses.fields(settings)
        if field.name not in _OWN
    }
    facts["the code"] = _sha256_of_tree(package, "*.py")
    facts["the list of workers"] = hashlib.sha256(
        ",".join(workers).encode()
    ).hexdigest()
    facts["Python"] = ".".join(platform.python_version_tuple()[:2])
    for name in _PACKAGES:
        facts[name] = _version_of(name)
    facts |= computing_facts(settings, read_hardware())
    if fingerprint is not None:
        facts["the data"] = fingerprint
    if encoder is not None:
        facts["the encoder"] = _sha256_of_tree(encoder, "*")
    return facts


def _sha256_of_tree(directory: pathlib.Path, pattern: str) -> str:
    """Of the names and contents of all files, whatever order a disk has them in."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob(pattern)):
        # A hub's cache keeps its own notes in hidden files, with times in them.
        is_hidden = any(
            part.startswith(".") for part in path.relative_to(directory).parts
        )
        if path.is_file() and not is_hidden and "__pycache__" not in path.parts:
            name = path.relative_to(directory).as_posix()
            digest.update(f"{name} {storage.sha256_of(path)}\n".encode())
    return digest.hexdigest()


def _version_of(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
