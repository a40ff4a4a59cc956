"""A random BERT classifier on disk, and the same in longhand NumPy."""

import hashlib
import json
import math

import numpy as np
import tokenizers
from safetensors.numpy import save_file
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

WORDS = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("a", "quiet", "lovely", "film", "dull", "long", "too", "##ly", "good", "bad"),
)
CONFIG = {
    "model_type": "bert",
    "vocab_size": 320,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "hidden_act": "gelu",
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}
LABELS = ["neg", "neutral", "pos"]


def random_weights(config=None, seed=0):
    """Hugging Face's names -> float32, large enough to tell orders apart."""
    config = config or CONFIG
    random = np.random.default_rng(seed)
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    weights = {}

    def product(name, rows, columns):
        weights[f"{name}.weight"] = random.normal(0, 0.2, (rows, columns))
        weights[f"{name}.bias"] = random.normal(0, 0.2, rows)

    def norm(name):
        weights[f"{name}.weight"] = random.normal(1, 0.2, hidden)
        weights[f"{name}.bias"] = random.normal(0, 0.2, hidden)

    for table, rows in (
        ("word", config["vocab_size"]),
        ("position", config["max_position_embeddings"]),
        ("token_type", config["type_vocab_size"]),
    ):
        weights[f"bert.embeddings.{table}_embeddings.weight"] = random.normal(
            0, 0.2, (rows, hidden)
        )
    norm("bert.embeddings.LayerNorm")
    for block in range(config["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{block}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            product(f"{layer}.attention.{part}", hidden, hidden)
        norm(f"{layer}.attention.output.LayerNorm")
        product(f"{layer}.intermediate.dense", inner, hidden)
        product(f"{layer}.output.dense", hidden, inner)
        norm(f"{layer}.output.LayerNorm")
    product("bert.pooler.dense", hidden, hidden)
    product("classifier", len(LABELS), hidden)
    return {name: value.astype(np.float32) for name, value in weights.items()}


def longhand_logits(weights, config, ids, types):
    """One sequence without padding, in float64, head by head."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}

    def product(name, x):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(name, x):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + config["layer_norm_eps"])
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    tables = "bert.embeddings.{}_embeddings.weight"
    x = w[tables.format("word")][ids] + w[tables.format("token_type")][types]
    x = norm("bert.embeddings.LayerNorm", x + w[tables.format("position")][: len(ids)])
    size = config["hidden_size"] // config["num_attention_heads"]
    for block in range(config["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{block}"
        q, k, v = (
            product(f"{layer}.attention.self.{part}", x)
            for part in ("query", "key", "value")
        )
        heads = []
        for head in range(config["num_attention_heads"]):
            part = slice(head * size, (head + 1) * size)
            scores = q[:, part] @ k[:, part].T / math.sqrt(size)
            shares = np.exp(scores)
            heads.append(shares / shares.sum(-1, keepdims=True) @ v[:, part])
        attended = product(
            f"{layer}.attention.output.dense", np.concatenate(heads, axis=-1)
        )
        x = norm(f"{layer}.attention.output.LayerNorm", x + attended)
        grown = _ACTIVATIONS[config["hidden_act"]](
            product(f"{layer}.intermediate.dense", x)
        )
        x = norm(
            f"{layer}.output.LayerNorm", x + product(f"{layer}.output.dense", grown)
        )
    return product("classifier", np.tanh(product("bert.pooler.dense", x[0])))


def write_bundle(directory, weights=None, config=None, **description):
    """Writes a bundle whose files are the ones that the export reads."""
    directory.mkdir(parents=True)
    config = config or CONFIG
    (directory / "config.json").write_text(json.dumps(config))
    save_file(weights or random_weights(config), directory / "model.safetensors")
    tiny_tokenizer().save(str(directory / "tokenizer.json"))
    files = {
        path.name: {
            "size": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in directory.iterdir()
    }
    description = {
        "format": "bert_cpu.bundle",
        "version": 1,
        "task": "classify",
        "options": {},
        "labels": LABELS,
        "max_length": 40,
        "stride": 0,
        "text_pair": False,
        "preprocess": {"normalize": False, "stop_words": "none", "stem": "none"},
        "versions": {},
        "files": files,
    } | description
    (directory / "bert_cpu.json").write_text(json.dumps(description))
    return directory


def tiny_tokenizer():
    """WordPiece over `WORDS`, with padding and truncation that must be undone."""
    vocabulary = {word: position for position, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(
        models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100)
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(7)
    return tokenizer


_ACTIVATIONS = {
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "gelu_new": lambda x: (
        0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    ),
    "relu": lambda x: np.maximum(x, 0),
    "silu": lambda x: x / (1 + np.exp(-x)),
}
