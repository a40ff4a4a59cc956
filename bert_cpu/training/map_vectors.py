"""A map of test texts, by the vectors that a model gives them."""

import json
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from bert_cpu import storage
from bert_cpu.example import Example
from bert_cpu.task import Task

# Pairs that a picture has room for.
_MOST = 100


def write_map(
    run_dir: pathlib.Path, task: Task, answers: Iterable[tuple[Example, Any]]
) -> None:
    """Writes `map.jsonl` of a run: pairs of texts, each with two places in a plane.

    The plane is spanned by the two directions in which the vectors differ most. The
    same answers give the same map. Nothing is written for a task without vectors,
    or of a single pair.

    Args:
        run_dir: of the run.
        task: says which vectors an answer has.
        answers: examples of the test split, each with the model's answer.
    """
    pairs = [
        (example, vectors)
        for example, answer in answers
        if (vectors := task.vectors(answer)) is not None
    ]
    # Answers come by length: from all along the way, short and long ones.
    step = max(1, -(-len(pairs) // _MOST))
    shown = pairs[::step]
    if len(shown) < 2:
        return
    places = _places(np.stack([np.stack(vectors) for _, vectors in shown]))
    lines = [
        json.dumps(
            {
                "texts": [example.text, example.text_pair],
                "places": place.round(4).tolist(),
            },
            ensure_ascii=False,
        )
        for (example, _), place in zip(shown, places, strict=True)
    ]
    with storage.written_aside(run_dir / "map.jsonl") as aside:
        aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _places(vectors: np.ndarray) -> np.ndarray:
    """float64 `(pairs, 2, hidden_size)` -> `(pairs, 2, 2)`."""
    # Half a second to import, for one task.
    from sklearn.decomposition import PCA

    flat = vectors.reshape(-1, vectors.shape[-1]).astype(np.float64)
    # Its signs are fixed as well: the largest part of each direction is positive.
    return PCA(n_components=2, svd_solver="full").fit_transform(flat).reshape(-1, 2, 2)
