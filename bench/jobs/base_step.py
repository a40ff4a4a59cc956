"""A training step of BERT-base's shape, with random weights."""

from bench.case import Case
from bench.material import Material
from bench.step_case import ALL_PEERS, step_case
from bench.write_checkpoint import BASE_SHAPE

JOB = "BERT-base training step"


def cases(material: Material, is_quick: bool) -> list[Case]:
    base = material.checkpoint("base")
    return [
        step_case(JOB, "BERT-base shape", base, BASE_SHAPE, 8, ALL_PEERS, 1.7, 400.0)
    ]
