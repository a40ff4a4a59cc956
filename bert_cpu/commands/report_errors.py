"""Mistakes said in one line, and the exit code that goes with them."""

import os
import sys
from collections.abc import Callable

from bert_cpu.errors import Interrupted, UserError

_INTERRUPTED = 130  # What shells give a command that Ctrl-C ended.


def report_errors(work: Callable[[], int]) -> int:
    """Does `work`, and says the user's mistakes in one line on standard error."""
    try:
        return work()
    except UserError as error:
        print(f"bert-cpu: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except Interrupted as interrupted:
        print(f"bert-cpu: {interrupted}", file=sys.stderr)
        return _INTERRUPTED
    except KeyboardInterrupt:
        print("bert-cpu: Stopped.", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough, as `head` does. Python would try
        # to flush to it once more while leaving.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
