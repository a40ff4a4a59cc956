"""A training step of MiniLM-L6, all in float32."""

from bench.case import Case
from bench.material import Material
from bench.step_case import step_case
from bench.write_checkpoint import MINILM_SHAPE

JOB = "float32 training step"


def cases(material: Material, is_quick: bool) -> list[Case]:
    return [
        step_case(
            JOB,
            "MiniLM-L6 in float32",
            material.checkpoint("minilm"),
            MINILM_SHAPE,
            32,
            ("torch",) if is_quick else ("torch", "torch.compile", "KerasHub"),
            1.5,
            60.0 if is_quick else 300.0,
            ours="ours float32",
            turn_seconds=2.0 if is_quick else 10.0,
        )
    ]
