"""An ONNX Runtime session with a thread for each core that this process may use."""

import os
import pathlib

import onnxruntime


def open_session(path: pathlib.Path | bytes) -> onnxruntime.InferenceSession:
    """Opens a model, given as a file or as its bytes."""
    options = onnxruntime.SessionOptions()
    # Left alone it counts the machine's cores and pins its threads to them.
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    # Threads that spin while they wait would take the other contestant's cores.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    model = path if isinstance(path, bytes) else str(path)
    return onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )
