"""What `TensorFlowProcess` runs: training steps, and a converted encoder.

Run as `python -m bert_cpu.calibration.tensorflow_work`: it reads a JSON object a line,
`what` to do with which `arguments`, and answers each with one.
"""

import json
import os
import pathlib
import sys
import time
from typing import Any

import numpy as np

_SEED = 0
_steps: dict[str, Any] = {}


def product_seconds(dtype: str, size: int) -> float:
    """The best of three products of square matrices."""
    import tensorflow as tf

    values = np.random.default_rng(_SEED).random((2, size, size), np.float32)
    left, right = (tf.cast(value, dtype) for value in values)
    return min(_seconds(lambda: float(tf.matmul(left, right)[0, 0])) for _ in range(3))


def prepare_step(dtype: str, shape: dict[str, int], batch: int, length: int) -> float:
    """Builds an encoder with a head and its step of training; its first step."""
    import tensorflow as tf
    from transformers import BertConfig

    from bert_cpu.models.encoder import build_encoder
    from bert_cpu.tasks.classify import Classify
    from bert_cpu.training.choose_native import choose_native
    from bert_cpu.training.optimizer import AdamW
    from bert_cpu.training.step import make_train_step

    task = Classify()
    encoder = build_encoder(BertConfig(**shape), 0.1, dtype, task.reads_first_token)
    model = task.build(encoder, ["0", "1"], 0.1)
    ids = np.random.default_rng(_SEED).integers(0, shape["vocab_size"], (batch, length))
    values = {
        "input_ids": tf.constant(ids, tf.int32),
        "token_type_ids": tf.zeros(ids.shape, tf.int32),
        "attention_mask": tf.ones(ids.shape, tf.int32),
        "label": tf.zeros(batch, tf.int32),
        "weight": tf.ones(batch),
    }
    train_step = make_train_step(
        model,
        task.losses,
        AdamW(1e-5, 0.01, 1.0),
        tf.distribute.get_strategy(),
        batch_spec={
            name: tf.TensorSpec([None] * value.ndim, value.dtype)
            for name, value in values.items()
        },
        is_native=choose_native(model),
    )
    is_going_on = tf.constant(0.0)
    _steps[dtype] = lambda: float(train_step(values, True, is_going_on)[0])
    return step_seconds(dtype)


def step_seconds(dtype: str) -> float:
    """One more step of what `prepare_step` built."""
    return _seconds(_steps[dtype])


def convert(
    directory: str, shape: dict[str, int], variant: str, buckets: list[int]
) -> str:
    """Converts an encoder of random weights; the path of the file."""
    from bert_cpu.export.convert_graph import convert_graph
    from bert_cpu.export.lean_graph import LeanGraph
    from bert_cpu.tasks.classify import Classify

    config = {"hidden_act": "gelu", "layer_norm_eps": 1e-12, **shape}
    weights = _random_weights(shape)
    graph = LeanGraph(weights, config, Classify(), {}, variant == "int8")
    path = pathlib.Path(directory) / f"{variant}-{len(buckets)}.tflite"
    path.write_bytes(convert_graph(graph, variant, path.parent, buckets))
    return str(path)


def _random_weights(shape):
    """Hugging Face's names -> float32."""
    random = np.random.default_rng(_SEED)
    hidden, inner = shape["hidden_size"], shape["intermediate_size"]
    tables = {
        "word": shape["vocab_size"],
        "position": shape["max_position_embeddings"],
        "token_type": shape["type_vocab_size"],
    }
    shapes: dict[str, tuple[int, ...]] = {
        f"bert.embeddings.{name}_embeddings.weight": (rows, hidden)
        for name, rows in tables.items()
    }
    products = {"bert.pooler.dense": (hidden, hidden), "classifier": (2, hidden)}
    norms = ["bert.embeddings.LayerNorm"]
    for block in range(shape["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{block}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            products[f"{layer}.attention.{part}"] = (hidden, hidden)
        products[f"{layer}.intermediate.dense"] = (inner, hidden)
        products[f"{layer}.output.dense"] = (hidden, inner)
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    for name, (rows, columns) in products.items():
        shapes |= {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}
    weights = {
        name: random.normal(0, 0.02, size).astype(np.float32)
        for name, size in shapes.items()
    }
    for name in norms:
        weights[f"{name}.weight"] = np.ones(hidden, np.float32)
        weights[f"{name}.bias"] = np.zeros(hidden, np.float32)
    return weights


def _seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _serve() -> None:
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    known = {
        function.__name__: function
        for function in (product_seconds, prepare_step, step_seconds, convert)
    }
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer: dict[str, Any] = {
                "result": known[request["what"]](**request["arguments"])
            }
        except Exception as error:  # The one who asks says it, and goes on.
            words = " ".join(str(error).split())[:200]
            answer = {"error": f"{type(error).__name__}: {words}"}
        answer["number"] = request["number"]
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    _serve()
