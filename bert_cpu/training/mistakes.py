"""The test texts that a model got wrong, surest first."""

import json
import pathlib
from collections.abc import Callable

import numpy as np

from bert_cpu import storage
from bert_cpu.data.manifest import Manifest
from bert_cpu.data.pipeline import split_texts
from bert_cpu.training.evaluate import predict_split

# As many as anybody reads.
_MOST = 100


def write_mistakes(
    run_dir: pathlib.Path, manifest: Manifest, predict_step: Callable
) -> None:
    """Writes `mistakes.jsonl` of a run: text, true and predicted label, how sure.

    Args:
        run_dir: of the run.
        manifest: of the records, whose test split holds its texts.
        predict_step: as `make_predict_step` returns it, to logits.
    """
    labels, logits = predict_split(predict_step, manifest, "test")
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities = powers / powers.sum(axis=-1, keepdims=True)
    predicted = probabilities.argmax(axis=-1)
    sureness = np.where(predicted == labels, -1.0, probabilities.max(axis=-1))
    surest = np.argsort(-sureness, kind="stable")[:_MOST]
    surest = surest[sureness[surest] >= 0]
    wanted = set(surest.tolist())
    texts = {
        index: pair
        for index, pair in enumerate(split_texts(manifest, "test"))
        if index in wanted
    }
    lines = [
        json.dumps(
            {
                "text": texts[index][0],
                "text_pair": texts[index][1],
                "label": manifest.labels[labels[index]],
                "predicted": manifest.labels[predicted[index]],
                "probability": round(float(sureness[index]), 6),
            },
            ensure_ascii=False,
        )
        for index in surest.tolist()
    ]
    with storage.written_aside(run_dir / "mistakes.jsonl") as aside:
        aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
