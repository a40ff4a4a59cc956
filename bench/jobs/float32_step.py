"""A training step of MiniLM-L6, all in float32."""

from bench.case import Case
from bench.count_flops import count_flops
from bench.material import Material
from bench.write_checkpoint import MINILM_SHAPE

JOB = "float32 training step"


def cases(material: Material, is_quick: bool) -> list[Case]:
    length = 128
    return [
        Case(
            job=JOB,
            name="MiniLM-L6, batch 32, length 128, dropout 0.1, AdamW, float32",
            unit="tokens/s",
            ours="ours float32",
            peers=("torch",) if is_quick else ("torch", "torch.compile", "KerasHub"),
            given={
                "checkpoint": material.checkpoint("minilm"),
                "batch": 32,
                "length": length,
                "dropout": 0.1,
            },
            goal=1.5,
            work=(3 * count_flops(MINILM_SHAPE, length) / length, 0.0),
            turn_seconds=2.0 if is_quick else 10.0,
            deadline_seconds=60.0 if is_quick else 300.0,
        )
    ]
