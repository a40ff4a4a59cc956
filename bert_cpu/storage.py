"""Files that are whole or not there, and that are what they were.

Everything that the package leaves behind (shards, checkpoints, bundles, TFLite
directories) is written aside and renamed, and is checked by size and SHA-256
when it is read again.
"""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bert_cpu.errors import UserError


def sha256_of(path: pathlib.Path) -> str:
    """The SHA-256 of a file, read in pieces, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_files(directory: pathlib.Path, names: Iterable[str]) -> dict[str, dict]:
    """`{name: {"size": bytes, "sha256": digest}}` of files in `directory`."""
    return {
        name: {
            "size": (directory / name).stat().st_size,
            "sha256": sha256_of(directory / name),
        }
        for name in sorted(names)
    }


def check_files(
    directory: pathlib.Path,
    files: dict[str, dict],
    remedy: str,
    hash_file: Callable[[pathlib.Path], str] = sha256_of,
) -> None:
    """Compares files with what `describe_files` said when they were written.

    Args:
        directory: where the files are.
        files: as `describe_files` returns it.
        remedy: str. What to do about a difference, for the message.
        hash_file: gives the SHA-256 of a file; for one that is in memory already.

    Raises:
        UserError: naming the first file that is missing, or whose size or
            SHA-256 differs, or whose name leads out of `directory`.
    """
    for name, expected in files.items():
        path = directory / name
        if pathlib.PurePath(name).name != name:
            raise UserError(f"'{name}' is not a file of '{directory}'. {remedy}")
        if not path.is_file():
            raise UserError(f"'{path}' is missing. {remedy}")
        size = path.stat().st_size
        if size != expected["size"]:
            raise UserError(
                f"'{path}' has {size:,} bytes, but {expected['size']:,} were written. "
                f"{remedy}"
            )
        digest = hash_file(path)
        if digest != expected["sha256"]:
            raise UserError(
                f"'{path}' has sha256 {digest[:12]}…, but {expected['sha256'][:12]}… "
                f"was written: it was changed since. {remedy}"
            )


def read_description(path: pathlib.Path, expected_format: str, remedy: str) -> dict:
    """Reads the JSON file that describes a directory of ours.

    Args:
        path: of `manifest.json`, `bert_cpu.json` or `model.json`.
        expected_format: str. What its `format` must be; its `version` must be 1.
        remedy: str. What to do about a mistake, for the message.

    Raises:
        UserError: if it is not there, not JSON, or of another format or version.
    """
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"'{path}' is missing. {remedy}") from None
    # Not JSON, not UTF-8, a number of thousands of digits, or brackets as deep.
    except (ValueError, RecursionError) as error:
        raise UserError(f"'{path}' is not JSON ({error}). {remedy}") from error
    found = description.get("format") if isinstance(description, dict) else None
    if found != expected_format or description.get("version") != 1:
        version = description.get("version") if isinstance(description, dict) else None
        raise UserError(
            f"'{path}' has format {found!r}, version {version!r}, but "
            f"{expected_format!r}, version 1 is read here. {remedy}"
        )
    return description


def check_model_fields(description: dict, path: pathlib.Path, remedy: str) -> None:
    """Checks what a bundle or a converted model says of itself.

    Args:
        description: as `read_description` returns it.
        path: of the file, for the message.
        remedy: str. What to do about a mistake, for the message.

    Raises:
        UserError: naming the first field that is missing, or has a value that no
            model has.
    """
    for field, is_good in _MODEL_FIELDS.items():
        if field not in description:
            raise UserError(f"'{path}' has no '{field}'. {remedy}")
        if not is_good(description[field]):
            shown = json.dumps(description[field], ensure_ascii=False)[:40]
            raise UserError(
                f"'{path}' says that {field} is {shown}, which no model has. {remedy}"
            )


_MODEL_FIELDS: dict[str, Callable[[Any], bool]] = {
    "task": lambda task: isinstance(task, str),
    "labels": lambda labels: (
        isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    ),
    "max_length": lambda length: type(length) is int and length >= 3,
    "text_pair": lambda pair: isinstance(pair, bool),
    "preprocess": lambda preprocess: isinstance(preprocess, dict),
    "files": lambda files: isinstance(files, dict),
}


@contextlib.contextmanager
def written_aside(
    path: pathlib.Path, is_flushed: bool = True
) -> Iterator[pathlib.Path]:
    """Gives a path to write to, and renames it to `path` when all went well.

    The file is flushed to the disk before the rename, and the directory after it,
    so that a crash or a power failure at any moment leaves the old file or the new
    one, and files that are written one after the other appear in that order. On an
    error nothing is left.

    Args:
        path: the file.
        is_flushed: whether a power failure counts. Without it, only the end of the
            process at any moment does.

    Raises:
        UserError: if the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with full_disk_is_the_users(path):
            yield aside
            if is_flushed:
                _flush(aside)
            os.replace(aside, path)
            if is_flushed:
                _flush(path.parent)
    finally:
        aside.unlink(missing_ok=True)


@contextlib.contextmanager
def new_directory(target: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a directory to fill, which takes the place of `target` when all went well.

    Two renames and no copy: at any moment the old or the new directory is whole,
    and what is in the new one is on the disk. On an error the old one stays. A crash
    between the two renames leaves the old one beside it, as `.NAME.old`.

    Raises:
        UserError: if it can't be made, or the disk is full.
    """
    import shutil  # With its compressors, it takes longer than checking a file does.

    new = target.with_name(f".{target.name}.partial")
    old = target.with_name(f".{target.name}.old")
    for left_over in (new, old):
        shutil.rmtree(left_over, ignore_errors=True)
    try:
        with full_disk_is_the_users(target):
            new.mkdir(parents=True)
    except OSError as error:
        raise UserError(
            f"'{target}' can't be made ({error.strerror}). Choose another directory."
        ) from error
    try:
        with full_disk_is_the_users(target):
            yield new
            for path in [*new.rglob("*"), new]:
                _flush(path)
            if target.exists():
                target.rename(old)
            new.rename(target)
            _flush(target.parent)
            shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def write_json(path: pathlib.Path, content: object, is_flushed: bool = True) -> None:
    """Writes `content` as indented JSON, aside and renamed; see `written_aside`."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    with written_aside(path, is_flushed) as aside:
        aside.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def full_disk_is_the_users(path: pathlib.Path) -> Iterator[None]:
    """Turns "no space left" while writing `path` into a UserError."""
    try:
        yield
    except Exception as error:
        # TensorFlow and safetensors wrap the system's error in their own.
        code = getattr(error, "errno", None)
        for number, reason in _FULL.items():
            if code == number or os.strerror(number) in str(error):
                raise _full_disk(path, reason) from error
        raise


_FULL = {
    errno.ENOSPC: "The disk is full",
    errno.EDQUOT: "Your share of the disk is full",
    errno.EFBIG: "A file may not grow further (ulimit -f)",
}


def _flush(path: pathlib.Path) -> None:
    """Returns when a file, or the names in a directory, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _full_disk(path: pathlib.Path, reason: str) -> UserError:
    import shutil

    existing = path
    while not existing.exists():
        existing = existing.parent
    free_mb = shutil.disk_usage(existing).free / 1e6
    return UserError(
        f"{reason}: '{path}' could not be written ({free_mb:,.0f} MB are free). Make "
        "room, then run the command again."
    )
