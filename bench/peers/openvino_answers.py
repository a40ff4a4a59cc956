"""OpenVINO answers: float32, bf16, or int8 by NNCF."""

import os
import pathlib
from typing import Any

import openvino

from bench.answering import answering, read_jsonl
from bench.peers.onnx_files import INPUTS, onnx_file

# Texts that NNCF sees to choose the ranges of activations: its own default.
_NUM_CALIBRATION_TEXTS = 300


def open_case(given: dict[str, Any]) -> Any:
    is_int8 = given["variant"] == "int8"
    model = openvino.Core().read_model(
        _int8_file(given) if is_int8 else onnx_file(given["bundle"], "plain")
    )
    precision = "bf16" if given["variant"] == "bfloat16" else "f32"
    compiled = openvino.compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": len(os.sched_getaffinity(0)),
            "PERFORMANCE_HINT": "LATENCY",
        },
    )
    request = compiled.create_infer_request()

    def run(ids, type_ids, mask):
        feed = dict(zip(INPUTS, (ids, type_ids, mask), strict=True))
        return request.infer(feed)[0]

    return answering(given, run)


def _int8_file(given):
    path = pathlib.Path(given["bundle"]).with_name("openvino_int8.xml")
    if not path.exists():
        import nncf
        from tokenizers import Tokenizer

        bundle = pathlib.Path(given["bundle"])
        tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(128)
        rows = read_jsonl(given["calibration"])[:_NUM_CALIBRATION_TEXTS]

        def feed(row):
            encoding = tokenizer.encode(row["text"])
            return {
                "input_ids": [encoding.ids],
                "token_type_ids": [encoding.type_ids],
                "attention_mask": [encoding.attention_mask],
            }

        quantized = nncf.quantize(
            openvino.Core().read_model(onnx_file(given["bundle"], "plain")),
            nncf.Dataset(rows, feed),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(rows),
        )
        openvino.save_model(quantized, path, compress_to_fp16=False)
    return path
