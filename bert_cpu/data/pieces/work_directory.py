"""Where pieces are until all are there: kept when the work is killed, and taken up."""

import contextlib
import json
import pathlib
import shutil
from collections.abc import Iterator

import filelock

from bert_cpu import storage
from bert_cpu.data.pieces.plan import Plan
from bert_cpu.errors import UserError

FORMAT = "bert_cpu.pieces"


@contextlib.contextmanager
def work_directory(target: pathlib.Path, plan: Plan, part: str) -> Iterator:
    """Gives the directory `.NAME.pieces` beside `target`, and removes it at the end.

    What a killed or interrupted command left there is found again if it was made by
    the same plan; pieces of another plan are removed. After any other error nothing
    is left, nor when all is done.

    Args:
        target: what the pieces will become.
        plan: that they follow.
        part: str, "i/N". Which of them will be written.

    Raises:
        UserError: if it can't be made, or another process works there.
    """
    directory = target.with_name(f".{target.name}.pieces")
    try:
        with storage.full_disk_is_the_users(target):
            directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"'{target}' can't be made ({error.strerror}). Choose another directory."
        ) from error
    lock = filelock.FileLock(directory / "lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise UserError(
            f"'{target}' is being prepared by another process. Wait for it, or choose "
            "another directory."
        ) from error
    try:
        if _owner(directory) != (plan.fingerprint, part):
            _clear(directory)
            content = {"format": FORMAT, "plan": plan.fingerprint, "part": part}
            storage.write_json(directory / "plan.json", content)
        try:
            yield directory
        except Exception:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        shutil.rmtree(directory, ignore_errors=True)
    finally:
        lock.release()


def _owner(directory):
    try:
        content = json.loads((directory / "plan.json").read_text(encoding="utf-8"))
        return content["plan"], content["part"]
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _clear(directory):
    for path in directory.iterdir():
        if path.name != "lock":
            path.unlink()
