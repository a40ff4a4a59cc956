"""A new process, from a text to its answer, and the memory that it takes."""

from bench.case import Case
from bench.material import Material

JOB = "cold start"
_TEXT = "A quiet, lovely film, and the best of the year by far."


def cases(material: Material, is_quick: bool) -> list[Case]:
    peers = ("ONNX Runtime int8, cold", "ONNX Runtime, cold")
    return [
        Case(
            job=JOB,
            name="text in, answer out, new process",
            unit="s",
            ours="ours, cold",
            peers=peers[:1] if is_quick else peers,
            given={"text": _TEXT, **material.trained("movie_reviews")},
            goal=1.5,
            limit="Python alone",
            turn_seconds=1.0 if is_quick else 4.0,
            deadline_seconds=120.0,
        )
    ]
