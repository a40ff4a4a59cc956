"""Hugging Face weights, laid out for one sequence at a time on a CPU."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bert_cpu.errors import UserError
from bert_cpu.task import Task


def lean_weights(
    weights: Mapping[str, np.ndarray], config: Mapping[str, Any], task: Task
) -> dict[str, np.ndarray]:
    """Transposes, scales and joins weights, so that inference needn't.

    Matrices become `(in, out)`. The query's weights and bias are divided by the
    square root of the head size, as attention would divide its scores. Query, key
    and value are joined along `out`, except that the last block's query stands
    alone if it is asked for the first token only.

    Args:
        weights: name -> array, the names of Hugging Face's
            transformers' class for the task, matrices stored `(out, in)`.
        config: the fields of the bundle's `config.json`.
        task: whose head is on the encoder.

    Returns:
        name -> float32 array: `words`, `positions`, `segments`, `embeddings/gamma`
        and `beta`; for every block N `N/qkv`, `N/attention`, `N/attention_norm`,
        `N/grow`, `N/shrink`, `N/output_norm`; `pooler`, if there is one; and what
        the task names. A product has `/kernel` and `/bias`, a norm `/gamma` and
        `/beta`.

    Raises:
        UserError: if a weight is missing.
    """
    embeddings = "bert.embeddings."
    lean = {
        "words": _get(weights, embeddings + "word_embeddings.weight"),
        "positions": _get(weights, embeddings + "position_embeddings.weight"),
        "segments": _get(weights, embeddings + "token_type_embeddings.weight"),
        **_norm("embeddings", weights, embeddings + "LayerNorm"),
    }
    num_blocks = config["num_hidden_layers"]
    head_size = config["hidden_size"] // config["num_attention_heads"]
    for block in range(num_blocks):
        source = f"bert.encoder.layer.{block}."
        projections = [
            _product(name, weights, f"{source}attention.self.{name}")
            for name in ("query", "key", "value")
        ]
        for name in ("query/kernel", "query/bias"):
            projections[0][name] = projections[0][name] / math.sqrt(head_size)
        if block == num_blocks - 1 and task.reads_first_token:
            query, key, value = projections
            lean |= _join(f"{block}/query", query)
            lean |= _join(f"{block}/kv", key, value)
        else:
            lean |= _join(f"{block}/qkv", *projections)
        lean |= _product(
            f"{block}/attention", weights, source + "attention.output.dense"
        )
        lean |= _norm(
            f"{block}/attention_norm", weights, source + "attention.output.LayerNorm"
        )
        lean |= _product(f"{block}/grow", weights, source + "intermediate.dense")
        lean |= _product(f"{block}/shrink", weights, source + "output.dense")
        lean |= _norm(f"{block}/output_norm", weights, source + "output.LayerNorm")
    if "bert.pooler.dense.weight" in weights:
        lean |= _product("pooler", weights, "bert.pooler.dense")
    for name, source in task.lean_products.items():
        lean |= _product(name, weights, source)
    for name, source in task.lean_norms.items():
        lean |= _norm(name, weights, source)
    for name, source in task.lean_biases.items():
        lean[f"{name}/bias"] = _get(weights, source + ".bias")
    return lean


def int8_rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rounds each row of a table to int8 steps of its own size.

    Args:
        table: float32 `(rows, columns)`.

    Returns:
        int8 `(rows, columns)` and float32 `(rows, 1)`, whose product is the table
        to within half a step of each row.
    """
    largest = np.abs(table).max(axis=1, keepdims=True)
    # A row of zeros (a token that was never seen) has no size: any step will do.
    step = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.round(table / step).astype(np.int8), step


def _get(weights: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    try:
        return np.asarray(weights[name], np.float32)
    except KeyError:
        raise UserError(
            f"The bundle has no weight '{name}', so it isn't a BERT that can be "
            "exported. Train again, or restore its model.safetensors."
        ) from None


def _product(
    name: str, weights: Mapping[str, np.ndarray], source: str
) -> dict[str, np.ndarray]:
    kernel = _get(weights, source + ".weight")
    return {
        f"{name}/kernel": np.ascontiguousarray(kernel.T),
        f"{name}/bias": _get(weights, source + ".bias"),
    }


def _norm(
    name: str, weights: Mapping[str, np.ndarray], source: str
) -> dict[str, np.ndarray]:
    return {
        f"{name}/gamma": _get(weights, source + ".weight"),
        f"{name}/beta": _get(weights, source + ".bias"),
    }


def _join(name: str, *products: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    kernels, biases = zip(*(product.values() for product in products), strict=True)
    return {
        f"{name}/kernel": np.concatenate(kernels, axis=1),
        f"{name}/bias": np.concatenate(biases),
    }
