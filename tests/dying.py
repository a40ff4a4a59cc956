"""Work in a process of its own that is killed at a chosen moment.

The process is forked, so what it does may not need TensorFlow, whose threads are not
there; a kill is a real one, of which no handler and no `finally` hears.
"""

import ctypes
import gc
import os
import pathlib
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable

import pytest

Work = Callable[[], object]

# What changes files, as Python's audit hooks name it. "open" only if it may write.
_CHANGES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def is_killed_at_operation(work: Work, number: int, directory: pathlib.Path) -> bool:
    """Kills before a file or a directory is changed, or flushed, for the n-th time.

    Args:
        work: what is done.
        number: int, from 0.
        directory: what is changed elsewhere doesn't count.

    Returns:
        Whether it came so far; else the work is done.
    """

    def start():
        _Operations(number, directory, die=_die).count()
        work()

    return _is_killed(_fork(start))


def is_cut_off_at_operation(work: Work, number: int, directory: pathlib.Path) -> bool:
    """The same, but it is the power that fails: what was not flushed is lost.

    Of a new file that was not flushed half is lost; the directory does not know of
    what was renamed since it was flushed, but does of what was deleted.
    """

    def start():
        _Operations(number, directory).count()
        work()

    return _is_killed(_fork(start))


def is_killed_at_byte(work: Work, number: int) -> bool:
    """Kills when a file would grow beyond a number of bytes, in the middle of it."""

    def start():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        work()

    return _is_killed(_fork(start))


def is_killed_at_call(work: Work, number: int) -> bool:
    """Kills where the n-th system call begins or ends, from 0: every moment there is.

    Skips the test where a process may not trace its child.
    """

    def start():
        if _ptrace(_TRACE_ME, 0) < 0:
            os._exit(_NOT_TRACED)
        os.kill(os.getpid(), signal.SIGSTOP)
        work()

    child = _fork(start)
    status = os.waitpid(child, os.WUNTRACED)[1]
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == _NOT_TRACED
        pytest.skip("this process may not trace another one")
    passed_on = 0
    while True:
        assert _ptrace(_TO_NEXT_CALL, child, passed_on) >= 0
        status = os.waitpid(child, 0)[1]
        if not os.WIFSTOPPED(status):
            return _is_killed(None, status)
        stopped_by = os.WSTOPSIG(status)
        passed_on = 0 if stopped_by == signal.SIGTRAP else stopped_by
        if not passed_on:
            if number == 0:
                os.kill(child, signal.SIGKILL)
                return _is_killed(child)
            number -= 1


class _Operations:
    """Counts what changes files, and ends this process before the n-th."""

    def __init__(self, number, directory, die=None):
        self._left = number
        self._directory = directory
        self._die = die or self._lose_and_die
        self._old = {entry.inode() for entry in os.scandir(directory)}
        self._flushed: set[int] = set()
        self._renamed: list[tuple[str, str]] = []

    def count(self):
        flush = os.fsync

        def flush_and_count(number):
            self._operation()
            flush(number)
            inode = os.fstat(number).st_ino
            self._flushed.add(inode)
            if inode == os.stat(self._directory).st_ino:
                self._renamed.clear()

        os.fsync = flush_and_count
        sys.addaudithook(self._hear)

    def _hear(self, event, arguments):
        is_change = event in _CHANGES or (event == "open" and arguments[2] & _WRITES)
        if not is_change or not self._is_here(arguments[0]):
            return
        self._operation()
        if event == "os.rename":
            self._renamed.append((os.fspath(arguments[0]), os.fspath(arguments[1])))

    def _is_here(self, path):
        if not isinstance(path, str | os.PathLike):
            return False
        return self._directory in (pathlib.Path(path), *pathlib.Path(path).parents)

    def _operation(self):
        if self._left == 0:
            self._left = -1  # What dying does is not counted.
            self._die()
        self._left -= 1

    def _lose_and_die(self):
        for source, target in reversed(self._renamed):
            os.rename(target, source)
        for entry in list(os.scandir(self._directory)):
            if entry.inode() not in self._old | self._flushed:
                os.truncate(entry.path, entry.stat().st_size // 2)
        _die()


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _fork(start):
    with warnings.catch_warnings():
        # Python 3.12 warns of threads. See above: the child needs none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        gc.disable()  # Nothing of TensorFlow's may be deleted here.
        start()
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _is_killed(child, status=None):
    status = os.waitpid(child, 0)[1] if status is None else status
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXFSZ), status
        return True
    # 1: an error, whose traceback is in the captured output of the test.
    assert os.WEXITSTATUS(status) == 0
    return False


_TRACE_ME, _TO_NEXT_CALL = 0, 24
_NOT_TRACED = 99


def _ptrace(request, process, data=0):
    call = ctypes.CDLL(None).ptrace
    call.restype = ctypes.c_long
    call.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    return call(request, process, None, data)
