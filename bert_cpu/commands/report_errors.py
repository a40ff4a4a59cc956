"""Mistakes said in one line, and the exit code that goes with them."""

import errno
import os
import sys
from collections.abc import Callable

from bert_cpu.errors import Interrupted, UserError

_MISTAKE = 2
INTERRUPTED = 130  # What shells give a command that Ctrl-C ended.
# What a disk and its owner refuse, wherever it happens -> what to do about it.
_REMEDIES = {
    errno.ENOSPC: "Make room, then run the command again",
    errno.EDQUOT: "Make room, then run the command again",
    errno.EACCES: "Ask for the permission, or name another place",
    errno.EPERM: "Ask for the permission, or name another place",
    errno.EROFS: "Name a place that can be written to",
    errno.ENOTDIR: "Name another place",
    errno.EISDIR: "Name a file",
    errno.EEXIST: "Name another place",
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f)",
    errno.EIO: "Check the disk",
}


def report_errors(work: Callable[[], int]) -> int:
    """Does `work`, and says the user's mistakes in one line on standard error."""
    try:
        return work()
    except UserError as error:
        return _say(str(error), _MISTAKE)
    except Interrupted as interrupted:
        return _say(str(interrupted), INTERRUPTED)
    except KeyboardInterrupt:
        return _say("Stopped.", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has enough, as `head` does.
        _close_output()
        return 0
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        if error.filename is None:
            _close_output()
        place = f"'{error.filename}'" if error.filename else "What was asked for"
        return _say(
            f"{place} can't be read or written ({error.strerror}). "
            f"{_REMEDIES[error.errno]}.",
            _MISTAKE,
        )


def _say(message, code):
    print(f"bert-cpu: {' '.join(message.split())}", file=sys.stderr)
    return code


def _close_output():
    """Keeps Python from flushing to standard output once more while leaving."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError:  # It is no file, as in a notebook.
        return
