"""ONNX Runtime and tokenizers in a new process, from a text to its answer."""

import sys
from typing import Any

from bench.new_process import NewProcess
from bench.peers.onnx_files import onnx_file


def open_case(given: dict[str, Any]) -> NewProcess:
    model = onnx_file(given["bundle"], given["variant"])
    command = [
        sys.executable,
        "-m",
        "bench.peers.predict_onnxruntime",
        str(model),
        given["bundle"],
        given["text"],
    ]
    return NewProcess(command, str.strip)
