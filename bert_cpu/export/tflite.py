"""From a bundle's weights to .tflite files."""

import json
import pathlib
import shutil
from collections.abc import Sequence

import tensorflow as tf
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from bert_cpu.export.lean_graph import LeanGraph
from bert_cpu.task import Task

VARIANTS = ("float32", "int8")


def length_buckets(max_length: int) -> list[int]:
    """The lengths that get a signature: powers of two, then `max_length`.

    A short text then does not pay for the longest one.

    Example:
    >>> length_buckets(100)
    [16, 32, 64, 100]
    """
    powers = (16, 32, 64, 128, 256, 512)
    return [power for power in powers if power < max_length] + [max_length]


def convert(
    bundle_dir: pathlib.Path,
    output_dir: pathlib.Path,
    buckets: Sequence[int],
    task: Task,
) -> dict[str, pathlib.Path]:
    """Writes a bundle's model as `float32.tflite` and `int8.tflite`.

    Each has a signature `serve_N` for each bucket N, which share one copy of the
    weights. In `int8.tflite` each column of a matrix has a step of its own, and so
    has each row of the word table; activations are rounded while running. Matrices
    of fewer than 1,024 weights stay float32.

    Args:
        bundle_dir: a bundle that `check_bundle` has passed.
        output_dir: an existing directory.
        buckets: lengths in tokens.
        task: the bundle's.

    Returns:
        variant -> file.

    Raises:
        UserError: if the bundle's model can't be exported.
    """
    config = json.loads((bundle_dir / "config.json").read_text(encoding="utf-8"))
    weights = load_file(bundle_dir / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(bundle_dir / "tokenizer.json"))
    added = tokenizer.get_added_tokens_decoder().items()
    token_ids = {token.content: index for index, token in added}
    paths = {}
    for variant in VARIANTS:
        graph = LeanGraph(weights, config, task, token_ids, variant == "int8")
        paths[variant] = output_dir / f"{variant}.tflite"
        paths[variant].write_bytes(_convert_graph(graph, variant, output_dir, buckets))
    return paths


def _convert_graph(
    graph: LeanGraph, variant: str, output_dir: pathlib.Path, buckets: Sequence[int]
) -> bytes:
    # Only a saved model can hand several signatures to the converter.
    saved_model = output_dir / "saved_model"
    signatures = {f"serve_{bucket}": graph.signature(bucket) for bucket in buckets}
    try:
        tf.saved_model.save(graph, str(saved_model), signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(saved_model), signature_keys=list(signatures)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if variant == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return converter.convert()
    finally:
        shutil.rmtree(saved_model, ignore_errors=True)
