"""A run directory as training and conversion leave it, made without either."""

import dataclasses
import json
import random
from pathlib import Path

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from bert_cpu.settings import TrainSettings

# What a browser would run or fetch, and a template would fill in.
HOSTILE = (
    "<script>alert(1)</script>\"'><img src=http://evil.test/a.png onerror=x> {{7*7}}"
)
REVIEWS = [
    "Not so much a comedy as a dare, and I lost.",
    "If you liked the first one you will be heart-broken by this, in the best way.",
    "A film that asks nothing of you and gives it back with interest.",
]
CHINESE = ["体育", "财经", "房产", "科技"]
TOPICS = [f"topic {number:02d} of the day" for number in range(20)]


def make_run(directory: Path, labels: list[str], texts: list[str]) -> Path:
    """A finished and converted run, as training and export would leave it."""
    chance = random.Random(7)
    size = len(labels)
    matrix = [
        [
            430 // size if row == column else int(chance.expovariate(size / 110))
            for column in range(size)
        ]
        for row in range(size)
    ]
    answers = np.array(matrix)
    true, predicted = (
        np.repeat(index.ravel(), answers.ravel()) for index in np.indices(answers.shape)
    )
    rows = precision_recall_fscore_support(true, predicted, labels=range(size))
    keys = ("precision", "recall", "f1", "examples")
    per_label = {
        label: dict(zip(keys, (value.item() for value in row), strict=True))
        for label, row in zip(labels, zip(*rows, strict=True), strict=True)
    }
    examples = int(answers.sum())
    metrics = {
        "name": directory.name,
        "task": "classify",
        "metrics": ["accuracy", "macro_f1"],
        "seed": 3,
        "labels": labels,
        "encoder": "minilm",
        "source": "tfds:movie_reviews",
        "parameters": 22713986,
        "dtype": "bfloat16",
        "threads": 2,
        "workers": 1,
        "best_epoch": 2,
        "train": {
            "examples": 24297,
            "tokens": 1830213,
            "seconds": 176.4213,
            "examples_per_second": 137.713,
            "tokens_per_second": 10374.61,
            "peak_memory_mb": 1843.2,
        },
        "validation": {
            "loss": 0.3127,
            "accuracy": 0.87461,
            "macro_f1": 0.87412,
            "examples": 979,
        },
        "test": {
            "loss": 0.32917,
            "accuracy": float(np.trace(answers) / examples),
            "macro_f1": float(np.mean(rows[2])),
            "examples": examples,
            "confusion_matrix": matrix,
            "per_label": per_label,
        },
        "data": {
            "cut_texts": 34,
            "empty_texts": 2,
            "length_histogram": {
                str(length): int(900 * np.exp(-((np.log(length / 26)) ** 2) / 0.4)) + 1
                for length in range(4, 129)
            },
        },
    }
    settings = TrainSettings(
        name=directory.name, runs_dir=str(directory.parent), seed=3, batch_size=64
    )
    num_steps = 60
    history = []
    for step in range(1, num_steps + 1):
        history.append(
            {
                "kind": "step",
                "step": step * 10,
                "epoch": (step - 1) // 20 + 1,
                "loss": 0.2 + 0.5 * np.exp(-step / 14) + chance.gauss(0, 0.04),
                "learning_rate": 5e-5 * min(step / 6, (num_steps - step) / 54),
                "tokens_per_second": 10000 + chance.gauss(0, 200),
            }
        )
        if step % 20 == 0:
            epoch = step // 20
            history.append(
                {
                    "kind": "epoch",
                    "step": step * 10,
                    "epoch": epoch,
                    "train_loss": 0.5 / epoch,
                    "validation_loss": [0.36, 0.31, 0.33][epoch - 1],
                    "validation_accuracy": [0.851, 0.8746, 0.8725][epoch - 1],
                    "validation_macro_f1": [0.846, 0.8741, 0.8719][epoch - 1],
                }
            )
    mistakes = [
        {
            "text": text,
            "text_pair": None,
            "label": labels[0],
            "predicted": labels[1],
            "probability": 0.998 - index / 100,
        }
        for index, text in enumerate(texts)
    ]
    tflite = {
        "variants": [
            {
                "name": "float32",
                "size_mb": 87.42,
                "accuracy": 0.8740,
                "macro_f1": 0.8736,
                "max_abs_difference": 3.1e-6,
                "latency_ms": {"16": 1.92, "32": 2.87, "64": 5.1, "128": 9.84},
            },
            {
                "name": "int8",
                "size_mb": 23.61,
                "accuracy": 0.8730,
                "macro_f1": 0.8727,
                "max_abs_difference": 0.214,
                "latency_ms": {"16": 0.82, "32": 1.45, "64": 2.6, "128": 5.02},
            },
        ],
        "chosen": "int8",
        "why": "int8 is 1.99 times as fast as float32 here, and loses 0.10 point.",
        "metrics": ["accuracy", "macro_f1"],
        "keras": {"accuracy": 0.8741, "macro_f1": 0.8737},
        "examples": 992,
    }
    (directory / "tflite").mkdir(parents=True)
    for name, value in {
        "config.json": dataclasses.asdict(settings),
        "metrics.json": metrics,
        "tflite/report.json": tflite,
    }.items():
        (directory / name).write_text(json.dumps(value))
    for name, lines in {"history.jsonl": history, "mistakes.jsonl": mistakes}.items():
        (directory / name).write_text("".join(json.dumps(x) + "\n" for x in lines))
    return directory


# What a task without labels measures.
MEASURED = {"exact_match": 0.7125, "f1": 0.7891, "examples": 992}


def make_run_without_labels(directory: Path) -> Path:
    """A finished and converted run of a task that finds answers in texts."""
    make_run(directory, ["neg", "pos"], [])
    names = ["exact_match", "f1"]
    metrics = read_json(directory / "metrics.json")
    measured = {"test": {"loss": 0.91, **MEASURED}, "validation": {**MEASURED}}
    metrics |= {"task": "answer", "metrics": names, "labels": [], **measured}
    tflite = read_json(directory / "tflite/report.json")
    tflite |= {"metrics": names, "keras": {"exact_match": 0.7126, "f1": 0.7892}}
    for variant in tflite["variants"]:
        variant |= {"exact_match": 0.7124, "f1": 0.789}
        del variant["accuracy"], variant["macro_f1"]
    history = [
        {
            key.replace("accuracy", "exact_match").replace("macro_f1", "f1"): value
            for key, value in line.items()
        }
        for line in read_json_lines(directory / "history.jsonl")
    ]
    for name, value in {"metrics.json": metrics, "tflite/report.json": tflite}.items():
        (directory / name).write_text(json.dumps(value))
    lines = "".join(json.dumps(line) + "\n" for line in history)
    (directory / "history.jsonl").write_text(lines)
    return directory


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def read_json_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def numbers_in(value: object) -> list[float]:
    """Every number of a JSON value, however deep."""
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers_in(item)]
    if isinstance(value, list):
        return [number for item in value for number in numbers_in(item)]
    return [value] if isinstance(value, int | float) else []
