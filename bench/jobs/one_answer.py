"""One sequence at a time, by a model in int8."""

from bench.case import Case
from bench.count_flops import count_flops, count_weight_bytes
from bench.material import Material
from bench.write_checkpoint import MINILM_SHAPE

JOB = "one answer"
LENGTHS = (16, 32, 128, 384)
_PEERS = (
    "ONNX Runtime int8",
    "ONNX Runtime",
    "OpenVINO int8",
    "OpenVINO bf16",
    "OpenVINO",
    "torch answers",
    "torch bf16 answers",
    "torch.compile answers",
)
_QUICK_PEERS = ("ONNX Runtime int8", "OpenVINO int8")


def cases(material: Material, is_quick: bool) -> list[Case]:
    return [
        Case(
            job=JOB,
            name=f"MiniLM-L6, int8, length {length}",
            unit="ms",
            ours="ours, a sequence",
            peers=_QUICK_PEERS if is_quick else _PEERS,
            given={
                "kind": "sequence",
                "sequences": material.sequences(length),
                **material.trained("movie_reviews"),
            },
            goal=1.3,
            work=(
                count_flops(MINILM_SHAPE, length),
                count_weight_bytes(MINILM_SHAPE, 1),
            ),
            turn_seconds=0.5 if is_quick else 2.0,
            deadline_seconds=120.0 if is_quick else 300.0,
        )
        for length in ((16, 128) if is_quick else LENGTHS)
    ]
