"""Who takes part: each contestant's code, environment and options, by name."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal


@dataclasses.dataclass(frozen=True)
class Entry:
    """Where a contestant's code is, and what it needs.

    Args:
        module: has `open_case`; see `bench.serve`.
        environment: the one with its libraries: "ours" or "peers".
        precision: of its matrix products, which tells how far its outputs may be
            from others': "float32", "bfloat16", "int8", or "auto" for ours, which
            is what the project chooses for this processor.
        options: are given to it beside the case.
        measures: the only one of its measures that is compared, such as
            "accuracy", for what does another kind of work; or None for all.
    """

    module: str
    environment: Literal["ours", "peers"]
    precision: str = "float32"
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    measures: str | None = None


def _ours(module, precision="float32", **options):
    return Entry(f"bench.ours.{module}", "ours", precision, options)


def _peer(module, precision="float32", measures=None, **options):
    return Entry(f"bench.peers.{module}", "peers", precision, options, measures)


CONTESTANTS: dict[str, Entry] = {
    "ours": _ours("training", "auto", dtype="auto"),
    "ours float32": _ours("training", dtype="float32"),
    "torch": _peer("torch_training", dtype="float32"),
    "torch bf16": _peer("torch_training", "bfloat16", dtype="bfloat16"),
    "torch.compile": _peer("torch_training", dtype="float32", compile=True),
    "torch.compile bf16": _peer(
        "torch_training", "bfloat16", dtype="bfloat16", compile=True
    ),
    "KerasHub": _peer("keras_hub_training", dtype="float32"),
    "KerasHub bf16": _peer("keras_hub_training", "bfloat16", dtype="mixed_bfloat16"),
    "ours, a sequence": _ours("answering", "int8"),
    "ours, texts": _ours("answering", "int8"),
    "torch answers": _peer("torch_answers", dtype="float32"),
    "torch bf16 answers": _peer("torch_answers", "bfloat16", dtype="bfloat16"),
    "torch.compile answers": _peer("torch_answers", dtype="float32", compile=True),
    "ONNX Runtime": _peer("onnxruntime_answers", variant="float32"),
    "ONNX Runtime int8": _peer("onnxruntime_answers", "int8", variant="int8"),
    "OpenVINO": _peer("openvino_answers", variant="float32"),
    "OpenVINO bf16": _peer("openvino_answers", "bfloat16", variant="bfloat16"),
    "OpenVINO int8": _peer("openvino_answers", "int8", variant="int8"),
    "OpenVINO int8, streams": _peer(
        "openvino_answers", "int8", variant="int8", streams=True
    ),
    "ours, fine-tuning": _ours("fine_tuning", "auto"),
    "transformers": _peer("transformers_fine_tuning", dtype="float32"),
    "transformers bf16": _peer(
        "transformers_fine_tuning", "bfloat16", dtype="bfloat16"
    ),
    "TF-IDF + logistic regression": _peer("sklearn_tfidf", measures="accuracy"),
    "ours, cold": _ours("cold_start", "int8"),
    "ONNX Runtime int8, cold": _peer("cold_start", "int8", variant="int8"),
    "ONNX Runtime, cold": _peer("cold_start", variant="float32"),
    "Python alone": _ours("python_alone"),
    "ours, preparing": _ours("preparing"),
    "tokenizers alone": _ours("tokenizing"),
    "datasets.map": _peer("datasets_map"),
    "kernels of ours": _ours("kernels"),
    "kernels of the peers": _peer("kernels"),
}
