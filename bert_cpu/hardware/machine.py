"""What a measurement of speed holds for: this machine, its limits, its libraries."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bert_cpu.hardware.cgroup import read_cgroup_limits
from bert_cpu.hardware.cpu import Hardware
from bert_cpu.native.encoder_delegate import why_not
from bert_cpu.native.training_library import why_no_training_library

# Their kernels are what is measured. As they spell themselves in dist-info.
_LIBRARIES = ("ai_edge_litert", "keras", "tensorflow_cpu")


def describe_machine(
    hardware: Hardware, root: Path = Path("/"), paths: Sequence[str] | None = None
) -> dict[str, Any]:
    """Everything that makes measured times mean something else when it changes.

    Args:
        hardware: from `read_hardware`.
        root: directory that holds `proc` and `sys`. Another than `/` in tests.
        paths: where libraries are. Default: `sys.path`.

    Returns:
        `processor`; its `instructions` and `threads_per_core`; `cores` that this
        process may use; `cpu_limit` (cores' worth of time) and `memory_limit` (bytes)
        of its control groups, or None; `int8_kernel`, whether `encoder_delegate`
        answers; `training_kernel`, whether bfloat16 is trained in C++; `libraries`,
        name -> version, without those that are not there.
    """
    limits = read_cgroup_limits(root)
    return {
        "processor": hardware.model,
        # Virtual machines give processors of several generations one name.
        "instructions": " ".join(hardware.simd),
        "threads_per_core": hardware.threads_per_core,
        "cores": hardware.cores,
        "cpu_limit": limits.cores,
        "memory_limit": limits.memory,
        "int8_kernel": why_not() is None,
        "training_kernel": why_no_training_library() is None,
        "libraries": _versions(sys.path if paths is None else paths),
    }


def _versions(paths: Sequence[str]) -> dict[str, str]:
    """Of the names of directories: importlib.metadata takes longer to import."""
    versions: dict[str, str] = {}
    for path in paths:
        for library in _LIBRARIES:
            for found in Path(path).glob(f"{library}-*.dist-info"):
                version = found.name.removeprefix(f"{library}-")
                versions.setdefault(library, version.removesuffix(".dist-info"))
    return dict(sorted(versions.items()))
