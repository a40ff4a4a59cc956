"""A training step of BERT-base's shape, with random weights."""

from bench.case import Case
from bench.count_flops import count_flops
from bench.material import Material
from bench.write_checkpoint import BASE_SHAPE

JOB = "BERT-base training step"


def cases(material: Material, is_quick: bool) -> list[Case]:
    length = 128
    return [
        Case(
            job=JOB,
            name="BERT-base shape, batch 8, length 128, dropout 0.1, AdamW",
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
                "checkpoint": material.checkpoint("base"),
                "batch": 8,
                "length": length,
                "dropout": 0.1,
            },
            goal=1.7,
            work=(3 * count_flops(BASE_SHAPE, length) / length, 0.0),
            turn_seconds=10.0,
            deadline_seconds=400.0,
        )
    ]
