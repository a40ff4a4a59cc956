"""OpenVINO answers: float32, bf16, or int8 by NNCF."""

import os
import pathlib
from typing import Any

import openvino

from bench.answering import Texts, answering, read_jsonl
from bench.peers.onnx_files import INPUTS, onnx_file

# Of each of several requests at once. Of 8, 16 and 32, the fastest for long texts; for
# short ones none is as fast as one request after the other, of 32 texts each.
_STREAM_BATCH_SIZE = 8
# Texts that NNCF sees to choose the ranges of activations: its own default.
_NUM_CALIBRATION_TEXTS = 300


def open_case(given: dict[str, Any]) -> Any:
    is_int8 = given["variant"] == "int8"
    model = openvino.Core().read_model(
        _int8_file(given) if is_int8 else onnx_file(given["bundle"], "plain")
    )
    precision = "bf16" if given["variant"] == "bfloat16" else "f32"
    threads = len(os.sched_getaffinity(0))
    options = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    if given.get("streams"):
        options |= {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": threads}
        compiled = openvino.compile_model(model, "CPU", options)
        return Texts(given, _side_by_side(compiled, threads), _STREAM_BATCH_SIZE)
    request = openvino.compile_model(model, "CPU", options).create_infer_request()

    def run(ids, type_ids, mask):
        feed = dict(zip(INPUTS, (ids, type_ids, mask), strict=True))
        return request.infer(feed)[0]

    return answering(given, run)


def _side_by_side(compiled, num_requests):
    """Runs batches in several requests at once."""
    queue = openvino.AsyncInferQueue(compiled, num_requests)

    def run_all(batches):
        found = {}

        def keep(request, number):
            found[number] = request.get_output_tensor(0).data.copy()

        queue.set_callback(keep)
        for number, inputs in enumerate(batches):
            queue.start_async(dict(zip(INPUTS, inputs, strict=True)), number)
        queue.wait_all()
        return [found[number] for number in range(len(found))]

    return run_all


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
