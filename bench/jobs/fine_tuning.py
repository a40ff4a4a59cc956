"""Fine-tuning from the command to the test accuracy, by the clock on the wall."""

import os

from tokenizers import Tokenizer

from bench.answering import read_jsonl
from bench.case import Case
from bench.count_flops import count_flops
from bench.material import Material
from bench.write_checkpoint import MINILM_SHAPE

JOB = "fine-tuning"
_EPOCHS, _MAX_LENGTH = 3, 128


def cases(material: Material, is_quick: bool) -> list[Case]:
    splits = material.splits("movie_reviews")
    return [
        Case(
            job=JOB,
            name=f"movie_reviews, {_EPOCHS} epochs, batch 32, wall clock",
            unit="s",
            ours="ours, fine-tuning",
            peers=(
                "transformers bf16",
                "transformers",
                "TF-IDF + logistic regression",
            ),
            given={
                "encoder": material.encoder(),
                "splits": splits,
                "source": "tfds:movie_reviews",
                "runs_dir": os.fspath(material.runs_dir),
                "epochs": _EPOCHS,
                "batch_size": 32,
            },
            goal=2.5,
            work=(_work(material.encoder(), splits), 0.0),
            accuracy_margin=0.0,
            deadline_seconds=7200.0,
            patience=4.0,
        )
    ]


def _work(encoder, splits):
    """Of all that must be computed: training, and each epoch's validation."""
    tokenizer = Tokenizer.from_file(f"{encoder}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(_MAX_LENGTH)
    passes = {"train": 3 * _EPOCHS, "validation": _EPOCHS, "test": 1}
    return sum(
        times * count_flops(MINILM_SHAPE, len(encoding))
        for split, times in passes.items()
        for encoding in tokenizer.encode_batch(
            [row["text"] for row in read_jsonl(splits[split])]
        )
    )
