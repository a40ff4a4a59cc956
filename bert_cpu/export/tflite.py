"""From a bundle's weights to .tflite files."""

import json
import pathlib
from collections.abc import Sequence

from safetensors.numpy import load_file
from tokenizers import Tokenizer

from bert_cpu.export.convert_graph import convert_graph
from bert_cpu.export.lean_graph import LeanGraph
from bert_cpu.task import Task

VARIANTS = ("float32", "int8")


def length_buckets(max_length: int, middle_lengths: bool = True) -> list[int]:
    """The lengths that get a signature: powers of two and middles, then `max_length`.

    A short text then does not pay for the longest one.

    Args:
        max_length: in tokens.
        middle_lengths: the middles between powers of two as well.

    Example:
    >>> length_buckets(100)
    [16, 24, 32, 48, 64, 96, 100]
    """
    powers = [16, 32, 64, 128, 256, 512]
    middles = [power // 2 * 3 for power in powers] if middle_lengths else []
    lengths = sorted(powers + middles)
    return [length for length in lengths if length < max_length] + [max_length]


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
        paths[variant].write_bytes(convert_graph(graph, variant, output_dir, buckets))
    return paths
