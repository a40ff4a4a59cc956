"""Checkpoints with a classifier's head, the same weights for every contestant."""

import json
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np
from safetensors.numpy import load_file, save_file

from bert_cpu.storage import new_directory

MINILM_SHAPE = {
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
}
BASE_SHAPE = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
_VOCAB_SIZE, _POSITIONS = 30_522, 512


def write_checkpoint(
    directory: pathlib.Path,
    shape: Mapping[str, int],
    encoder: pathlib.Path | None = None,
) -> None:
    """Writes `config.json` and `model.safetensors` for a classifier of two labels.

    Args:
        directory: to be made; stays as it is if it is there.
        shape: as `MINILM_SHAPE`.
        encoder: a directory in the Hugging Face layout whose weights it gets, with
            names that lack `bert.` in front; random ones without.
    """
    if directory.exists():
        return
    rng = np.random.default_rng(0)
    if encoder is None:
        tensors = dict(_random_encoder(shape, rng))
    else:
        tensors = {
            f"bert.{name}": tensor
            for name, tensor in load_file(encoder / "model.safetensors").items()
            if tensor.dtype == np.float32
        }
    tensors["classifier.weight"] = _draw(rng, 2, shape["hidden_size"])
    tensors["classifier.bias"] = np.zeros(2, np.float32)
    config = {
        "model_type": "bert",
        "architectures": ["BertForSequenceClassification"],
        "vocab_size": _VOCAB_SIZE,
        "max_position_embeddings": _POSITIONS,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "pad_token_id": 0,
        **shape,
    }
    directory.parent.mkdir(parents=True, exist_ok=True)
    with new_directory(directory) as aside:
        save_file(tensors, aside / "model.safetensors", {"format": "pt"})
        (aside / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def _random_encoder(shape, rng) -> Iterator[tuple[str, np.ndarray]]:
    """BERT's tensors by their Hugging Face names, drawn as for pre-training."""
    hidden, intermediate = shape["hidden_size"], shape["intermediate_size"]
    tables = {
        "word": _VOCAB_SIZE,
        "position": _POSITIONS,
        "token_type": 2,
    }
    for name, rows in tables.items():
        yield f"bert.embeddings.{name}_embeddings.weight", _draw(rng, rows, hidden)
    yield from _norm("bert.embeddings.LayerNorm", hidden)
    for index in range(shape["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{index}"
        for name in ("query", "key", "value"):
            yield from _dense(f"{layer}.attention.self.{name}", hidden, hidden, rng)
        yield from _dense(f"{layer}.attention.output.dense", hidden, hidden, rng)
        yield from _norm(f"{layer}.attention.output.LayerNorm", hidden)
        yield from _dense(f"{layer}.intermediate.dense", intermediate, hidden, rng)
        yield from _dense(f"{layer}.output.dense", hidden, intermediate, rng)
        yield from _norm(f"{layer}.output.LayerNorm", hidden)
    yield from _dense("bert.pooler.dense", hidden, hidden, rng)


def _dense(name, rows, columns, rng):
    yield f"{name}.weight", _draw(rng, rows, columns)
    yield f"{name}.bias", np.zeros(rows, np.float32)


def _norm(name, size):
    yield f"{name}.weight", np.ones(size, np.float32)
    yield f"{name}.bias", np.zeros(size, np.float32)


def _draw(rng, rows, columns):
    return (0.02 * rng.standard_normal((rows, columns))).astype(np.float32)
