"""Files are whole or not there, and a changed one is found out."""

import errno
import hashlib
import json
import os
import pathlib

import pytest
from refusal import refusal_of

from bert_cpu import storage

needs_full_device = pytest.mark.skipif(
    not pathlib.Path("/dev/full").exists(), reason="Linux's disk that is always full"
)


@pytest.fixture
def described(tmp_path):
    """A directory of two files, and their description."""
    (tmp_path / "b.bin").write_bytes(b"\x00\x01" * 40_000)
    (tmp_path / "a.txt").write_text("quiet")
    return tmp_path, storage.describe_files(tmp_path, ["b.bin", "a.txt"])


def test_a_description_has_size_and_digest_of_each_file(described):
    directory, files = described
    assert list(files) == ["a.txt", "b.bin"]
    for name, description in files.items():
        content = (directory / name).read_bytes()
        assert description == {
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }


def test_files_that_are_what_they_were_pass(described):
    storage.check_files(*described, "Do it again.")


def test_a_missing_file_is_named(described):
    (described[0] / "b.bin").unlink()
    assert refusal_of(storage.check_files, *described, "Do it again.") == (
        f"'{described[0] / 'b.bin'}' is missing. Do it again."
    )


def test_a_file_of_another_size_is_named(described):
    (described[0] / "b.bin").write_bytes(b"\x00" * 1234)
    assert refusal_of(storage.check_files, *described, "Do it again.") == (
        f"'{described[0] / 'b.bin'}' has 1,234 bytes, but 80,000 were written. "
        "Do it again."
    )


def test_a_changed_file_of_the_same_size_is_named(described):
    (described[0] / "a.txt").write_text("quiex")
    before, after = (
        hashlib.sha256(text).hexdigest()[:12] for text in (b"quiet", b"quiex")
    )
    assert refusal_of(storage.check_files, *described, "Do it again.") == (
        f"'{described[0] / 'a.txt'}' has sha256 {after}…, but {before}… was written: "
        "it was changed since. Do it again."
    )


@pytest.mark.parametrize("name", ["../a.txt", "/etc/hostname", "sub/a.txt", ""])
def test_a_description_leads_to_no_other_directory(described, name):
    directory, files = described
    (directory / "sub").mkdir()
    (directory / "sub" / "a.txt").write_text("quiet")
    (directory.parent / "a.txt").write_text("quiet")
    message = refusal_of(
        storage.check_files, directory, {name: files["a.txt"]}, "Do it again."
    )
    if name:
        assert message == f"'{name}' is not a file of '{directory}'. Do it again."
    else:
        assert message == f"'{directory}' is missing. Do it again."


@pytest.mark.parametrize(
    "content, complaint",
    [
        (None, "is missing."),
        (b"{", "is not JSON (Expecting property name enclosed in double quotes: "),
        (b"", "is not JSON (Expecting value: line 1 column 1 (char 0))."),
        (b"\xff", "is not JSON ('utf-8' codec can't decode byte 0xff in position 0"),
        (b"{}", "has format None, version None, but 'ours', version 1 is read here."),
        (b"[1]", "has format None, version None, but 'ours', version 1 is read here."),
        (b"null", "has format None, version None, but 'ours', version 1"),
        (b'{"format": "theirs", "version": 1}', "has format 'theirs', version 1, but"),
        (b'{"format": "ours", "version": 2}', "has format 'ours', version 2, but"),
        (b'{"format": "ours"}', "has format 'ours', version None, but 'ours', version"),
    ],
)
def test_a_description_that_is_not_ours_is_refused(tmp_path, content, complaint):
    path = tmp_path / "model.json"
    if content is not None:
        path.write_bytes(content)
    message = refusal_of(storage.read_description, path, "ours", "Do it again.")
    assert message.startswith(f"'{path}' {complaint}")
    assert message.endswith(". Do it again.")


def test_json_comes_back_as_it_was(tmp_path):
    content = {"format": "ours", "version": 1, "labels": ["好", "bad"], "x": [1.5]}
    storage.write_json(tmp_path / "new" / "model.json", content)
    path = tmp_path / "new" / "model.json"
    assert storage.read_description(path, "ours", "") == content
    assert "好" in path.read_text(encoding="utf-8")
    assert os.listdir(path.parent) == ["model.json"]


def test_a_file_appears_under_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "model.bin"
    path.write_text("old")
    with storage.written_aside(path) as aside:
        aside.write_text("half of the new one")
        assert path.read_text() == "old"
        aside.write_text("new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["model.bin"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "model.bin"
    path.write_text("old")

    def write():
        with storage.written_aside(path) as aside:
            aside.write_text("half")
            raise error

    pytest.raises(error, write)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["model.bin"]


def test_content_that_is_not_json_leaves_the_old_file(tmp_path):
    storage.write_json(tmp_path / "a.json", {"old": 1})
    with pytest.raises(TypeError):
        storage.write_json(tmp_path / "a.json", {"new": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"old": 1}


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda number: done.append("flushed"))
    rename = os.replace
    monkeypatch.setattr(
        os, "replace", lambda *names: (done.append("named"), rename(*names))
    )
    storage.write_json(tmp_path / "a.json", 1)
    assert done == ["flushed", "named", "flushed"]
    done.clear()
    storage.write_json(tmp_path / "a.json", 2, is_flushed=False)
    assert done == ["named"]
    assert (tmp_path / "a.json").read_text() == "2\n"


@needs_full_device
def test_a_really_full_disk_is_one_line_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.json"
    storage.write_json(path, {"old": 1})
    aside = tmp_path / f".model.json.{os.getpid()}.partial"
    aside.symlink_to("/dev/full")
    message = refusal_of(storage.write_json, path, {"new": 2})
    assert message.startswith(f"The disk is full: '{path}' could not be written (")
    assert message.endswith(" MB are free). Make room, then run the command again.")
    assert json.loads(path.read_text()) == {"old": 1}
    assert os.listdir(tmp_path) == ["model.json"]


@pytest.mark.parametrize(
    "error, reason",
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (RuntimeError("a; No space left on device [Op:Save]"), "The disk is full"),
        (OSError(errno.EDQUOT, "Quota"), "Your share of the disk is full"),
        (RuntimeError("a; Disk quota exceeded"), "Your share of the disk is full"),
        (OSError(errno.EFBIG, "Big"), "A file may not grow further (ulimit -f)"),
    ],
)
def test_every_form_of_a_full_disk_is_the_users(tmp_path, error, reason):
    def write():
        with storage.full_disk_is_the_users(tmp_path / "not" / "there"):
            raise error

    message = refusal_of(write)
    assert message.startswith(f"{reason}: '{tmp_path / 'not' / 'there'}' could not be")


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "I/O error"), ValueError("our own mistake")]
)
def test_no_other_error_is_called_a_full_disk(tmp_path, error):
    with (
        pytest.raises(type(error)) as raised,
        storage.full_disk_is_the_users(tmp_path),
    ):
        raise error
    assert raised.value is error
