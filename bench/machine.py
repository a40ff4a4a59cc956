"""The machine and the versions that a result belongs to."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.native.encoder_delegate import why_not
from bert_cpu.native.training_library import why_no_training_library

# Prints the versions of an environment's packages as JSON.
_LIST_PACKAGES = """
import importlib.metadata, json
print(json.dumps({each.metadata["Name"]: each.version
                  for each in importlib.metadata.distributions()}))
"""
# Of all packages, those that compute.
_TOLD = {
    "ours": (
        *("tensorflow_cpu", "keras", "keras-tuner", "ai-edge-litert"),
        *("tokenizers", "numpy"),
    ),
    "peers": (
        "torch",
        "transformers",
        "tokenizers",
        "keras-hub",
        "keras-tuner",
        "tensorflow_cpu",
        "onnxruntime",
        "openvino",
        "nncf",
        "datasets",
        "scikit-learn",
    ),
}


def describe_machine(cores: Sequence[int]) -> dict[str, Any]:
    """What tells this machine from others.

    Args:
        cores: the ones that contestants use.
    """
    hardware = read_hardware()
    return {
        "model": hardware.model,
        "cores": list(cores),
        "threads_per_core": hardware.threads_per_core,
        "simd": list(hardware.simd),
        "memory_gb": round(hardware.memory_total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        # Whether ours answers int8 encoders by its own kernel; else why not.
        "int8_kernel": why_not() or "used",
        "training_kernel": why_no_training_library() or "used",
        # Processes that wanted to compute when it began: else nothing should.
        "load": round(os.getloadavg()[0], 2),
    }


def read_versions(pythons: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The versions of what computes, by environment.

    Args:
        pythons: environment -> its interpreter.

    Raises:
        SystemExit: if one is no interpreter.
    """
    return {name: _versions(name, python) for name, python in pythons.items()}


def _versions(name: str, python: str) -> dict[str, str]:
    try:
        result = subprocess.run(
            [python, "-c", _LIST_PACKAGES], capture_output=True, text=True, check=True
        )
        listed = json.loads(result.stdout)
    except (OSError, subprocess.CalledProcessError, json.JSONDecodeError):
        raise SystemExit(
            f"'{python}' does not run Python. Give the interpreter of an environment "
            f"with the libraries of {name}."
        ) from None
    found = {_plain(key): value for key, value in listed.items()}
    return {
        package: found[_plain(package)]
        for package in _TOLD[name]
        if _plain(package) in found
    }


def _plain(package: str) -> str:
    return package.lower().replace("_", "-")
