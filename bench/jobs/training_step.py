"""A training step of MiniLM-L6, in whatever precision is fastest for each."""

from bench.case import Case
from bench.material import Material
from bench.step_case import ALL_PEERS, step_case
from bench.write_checkpoint import MINILM_SHAPE

JOB = "training step"


def cases(material: Material, is_quick: bool) -> list[Case]:
    minilm = material.checkpoint("minilm")
    return [
        step_case(JOB, "MiniLM-L6", minilm, MINILM_SHAPE, 32, ALL_PEERS, 2.0, 300.0)
    ]
