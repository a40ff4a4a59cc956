"""ONNX Runtime answers: fused for BERT, in float32 or int8."""

from typing import Any

from bench.answering import answering
from bench.peers.onnx_files import INPUTS, onnx_file
from bench.peers.onnxruntime_session import open_session


def open_case(given: dict[str, Any]) -> Any:
    session = open_session(onnx_file(given["bundle"], given["variant"]))

    def run(ids, type_ids, mask):
        feed = dict(zip(INPUTS, (ids, type_ids, mask), strict=True))
        return session.run(None, feed)[0]

    return answering(given, run)
