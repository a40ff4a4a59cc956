"""From a lean graph to a .tflite file."""

import pathlib
import shutil
from collections.abc import Sequence

import tensorflow as tf

from bert_cpu.export.lean_graph import LeanGraph


def convert_graph(
    graph: LeanGraph, variant: str, output_dir: pathlib.Path, buckets: Sequence[int]
) -> bytes:
    """Converts a graph with a signature `serve_N` for each bucket N.

    Args:
        graph: with its weights.
        variant: "float32", or "int8" for quantized matrices.
        output_dir: where the saved model is, as long as it is needed.
        buckets: lengths in tokens.

    Returns:
        The content of a .tflite file.
    """
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
