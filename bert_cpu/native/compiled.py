"""What prepares data in C++, where it was built."""

import functools
import importlib
import os
from typing import Any

from bert_cpu.native.built_library import SWITCH


@functools.cache
def compiled() -> Any | None:
    """The module of functions that are also there in Python, and give the same.

    Returns:
        It has `framed_example` and `ChunkMemory`. None where no compiler was when
        bert_cpu was installed, and with BERT_CPU_KERNEL=0.
    """
    if os.environ.get(SWITCH) == "0":
        return None
    try:
        return importlib.import_module("bert_cpu.native._prepare")
    except ImportError:
        return None
