"""A training step of MiniLM-L6, in whatever precision is fastest for each."""

from bench.case import Case
from bench.count_flops import count_flops
from bench.material import Material
from bench.write_checkpoint import MINILM_SHAPE

JOB = "training step"


def cases(material: Material, is_quick: bool) -> list[Case]:
    length = 128
    return [
        Case(
            job=JOB,
            name="MiniLM-L6, batch 32, length 128, dropout 0.1, AdamW",
            unit="tokens/s",
            ours="ours",
            peers=(
                "torch",
                "torch bf16",
                "torch.compile",
                "torch.compile bf16",
                "KerasHub",
                "KerasHub bf16",
            ),
            given={
                "checkpoint": material.checkpoint("minilm"),
                "batch": 32,
                "length": length,
                "dropout": 0.1,
            },
            goal=2.0,
            work=(3 * count_flops(MINILM_SHAPE, length) / length, 0.0),
            turn_seconds=10.0,
            deadline_seconds=300.0,
        )
    ]
