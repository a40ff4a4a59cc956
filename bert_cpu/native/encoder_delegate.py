"""A LiteRT delegate for the encoder of int8 models, where it was built and runs."""

import ctypes
import functools
import importlib.machinery
import os
import pathlib
from typing import Any

# What the kernel is compiled for, as Linux spells it: Intel's Cooper Lake, Sapphire
# Rapids and later, AMD's Zen 4 and later.
INSTRUCTIONS = frozenset(
    {
        "fma",
        "avx512f",
        "avx512bw",
        "avx512dq",
        "avx512vl",
        "avx512_vnni",
        "avx512_bf16",
    }
)

CPUINFO = "/proc/cpuinfo"
# Set to 0, it lets LiteRT's own kernels answer, to compare with.
SWITCH = "BERT_CPU_KERNEL"


def encoder_delegate(threads: int) -> Any | None:
    """Loads the kernel, for one interpreter.

    It computes the blocks of an encoder that the int8 `.tflite` file has in the form
    that conversion gives them, and nothing else: other files run as without it. Its
    products are exact like XNNPACK's, of rows that are rounded alike; attention is in
    bfloat16 with float32 sums; rows of padding at the end are not computed and come
    out as 0.

    Args:
        threads: of one sequence.

    Returns:
        A `Delegate` for LiteRT's `Interpreter`, or None; see `why_not`.
    """
    if why_not() is not None:
        return None
    from ai_edge_litert.interpreter import load_delegate

    return load_delegate(str(_library()), {"threads": threads})


@functools.cache
def why_not() -> str | None:
    """Why there is no kernel for this process; None if there is one."""
    if os.environ.get(SWITCH) == "0":
        return f"{SWITCH} is 0"
    missing = INSTRUCTIONS - _instructions()
    if missing:
        return f"the processor lacks {' '.join(sorted(missing))}"
    library = _library()
    if library is None:
        return "the kernel was not built: install bert_cpu where g++ is"
    try:
        # LiteRT prints a traceback for what is no such library.
        ctypes.CDLL(str(library)).tflite_plugin_create_delegate  # noqa: B018
    except (OSError, AttributeError):
        return f"{library.name} can't be loaded: install bert_cpu anew on this system"
    return None


@functools.cache
def _library() -> pathlib.Path | None:
    here = pathlib.Path(__file__).parent
    files = (here / f"_encoder{end}" for end in importlib.machinery.EXTENSION_SUFFIXES)
    return next((file for file in files if file.exists()), None)


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
