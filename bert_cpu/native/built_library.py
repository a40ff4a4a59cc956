"""Which libraries in C++ were built on installing, and run on this processor."""

import functools
import importlib.machinery
import os
import pathlib

CPUINFO = "/proc/cpuinfo"
# Set to 0, it lets LiteRT's and TensorFlow's own kernels work, to compare with.
SWITCH = "BERT_CPU_KERNEL"


@functools.cache
def find_library(name: str) -> pathlib.Path | None:
    """A library's file, beside this one; None where it was not built."""
    here = pathlib.Path(__file__).parent
    files = (here / f"{name}{end}" for end in importlib.machinery.EXTENSION_SUFFIXES)
    return next((file for file in files if file.exists()), None)


def why_no_library(
    library: pathlib.Path | None, instructions: frozenset[str]
) -> str | None:
    """Why a library is not for this process; None if it is.

    Args:
        library: what `find_library` found.
        instructions: what it is compiled for, as Linux spells it.
    """
    if os.environ.get(SWITCH) == "0":
        return f"{SWITCH} is 0"
    missing = instructions - _instructions()
    if missing:
        return f"the processor lacks {' '.join(sorted(missing))}"
    if library is None:
        return "the kernel was not built: install bert_cpu where g++ is"
    return None


def _instructions() -> frozenset[str]:
    """Those of the first processor; none where there is no such file."""
    try:
        with open(CPUINFO, encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith("flags"):
                    return frozenset(line.partition(":")[2].split())
    except OSError:
        pass
    return frozenset()
