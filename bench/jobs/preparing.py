"""From a csv file to records of token ids."""

from bench.case import Case
from bench.material import Material

JOB = "preparing"


def cases(material: Material, is_quick: bool) -> list[Case]:
    rows = 10_000 if is_quick else 50_000
    return [
        Case(
            job=JOB,
            name=f"csv of {rows} texts to token ids on disk",
            unit="texts/s",
            ours="ours, preparing",
            peers=("datasets.map",),
            given={
                "csv": material.csv(rows),
                "rows": rows,
                "encoder": material.encoder(),
                "max_length": 128,
            },
            goal=2.0,
            limit="tokenizers alone",
            turn_seconds=1.0,
            deadline_seconds=300.0,
        )
    ]
