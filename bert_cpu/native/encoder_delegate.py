"""A LiteRT delegate for the encoder of int8 models, where it was built and runs."""

import ctypes
import functools
import pathlib
from typing import Any

from bert_cpu.native.built_library import find_library, why_no_library

# Intel's Cascade Lake, Ice Lake and later, AMD's Zen 4 and later.
INSTRUCTIONS = frozenset(
    {"fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"}
)


def encoder_delegate(threads: int) -> Any | None:
    """Loads the kernel, for one interpreter.

    It computes the blocks of an encoder that the int8 `.tflite` file has in the form
    that conversion gives them, and nothing else: other files run as without it. Its
    products are exact like XNNPACK's, of rows that are rounded alike; in attention,
    queries, keys, values and softmax's shares are rounded to 8 bits, row by row and
    head by head; rows of padding at the end are not computed and come out as 0.

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
    library = _library()
    why = why_no_library(library, INSTRUCTIONS)
    if library is None or why is not None:
        return why
    try:
        # LiteRT prints a traceback for what is no such library.
        ctypes.CDLL(str(library)).tflite_plugin_create_delegate  # noqa: B018
    except (OSError, AttributeError):
        return f"{library.name} can't be loaded: install bert_cpu anew on this system"
    return None


def _library() -> pathlib.Path | None:
    return find_library("_encoder")
