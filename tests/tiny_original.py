"""A tiny BERT on disk as Google published its own, from the same random weights."""

import json

import numpy as np
import tensorflow as tf
import tiny_bundle
from transformers import BertConfig

CONFIG = BertConfig(**tiny_bundle.CONFIG)
# As `create_optimizer` and `tf.train.Saver` leave them beside the weights.
OTHERS = {
    "global_step": np.int64(1000),
    "bert/pooler/dense/kernel/adam_m": np.ones((64, 64), "float32"),
    "bert/embeddings/word_embeddings/adam_v": np.ones((320, 64), "float32"),
    "output_weights": np.ones((3, 64), "float32"),
}


def weights():
    """Encoder and heads, by transformers' names."""
    random = np.random.default_rng(1)
    size, words = CONFIG.hidden_size, CONFIG.vocab_size
    heads = {
        "cls.predictions.transform.dense.weight": (size, size),
        "cls.predictions.transform.dense.bias": (size,),
        "cls.predictions.transform.LayerNorm.weight": (size,),
        "cls.predictions.transform.LayerNorm.bias": (size,),
        "cls.predictions.bias": (words,),
        "cls.seq_relationship.weight": (2, size),
        "cls.seq_relationship.bias": (2,),
    }
    drawn = {n: random.normal(0, 0.2, s).astype("float32") for n, s in heads.items()}
    encoder = tiny_bundle.random_weights()
    return {n: w for n, w in encoder.items() if n.startswith("bert.")} | drawn


def original_variables():
    """The same as Google's code names and shapes them, written out."""
    source = weights()
    variables = {}

    def take(ours, theirs, transpose=False):
        value = source.pop(theirs)
        variables[ours] = value.T if transpose else value

    def dense(ours, theirs):
        take(f"{ours}/kernel", f"{theirs}.weight", transpose=True)
        take(f"{ours}/bias", f"{theirs}.bias")

    def norm(ours, theirs):
        take(f"{ours}/LayerNorm/gamma", f"{theirs}.LayerNorm.weight")
        take(f"{ours}/LayerNorm/beta", f"{theirs}.LayerNorm.bias")

    for table in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        take(f"bert/embeddings/{table}", f"bert.embeddings.{table}.weight")
    norm("bert/embeddings", "bert.embeddings")
    for index in range(CONFIG.num_hidden_layers):
        ours, theirs = f"bert/encoder/layer_{index}", f"bert.encoder.layer.{index}"
        for part in ("query", "key", "value"):
            dense(f"{ours}/attention/self/{part}", f"{theirs}.attention.self.{part}")
        dense(f"{ours}/attention/output/dense", f"{theirs}.attention.output.dense")
        norm(f"{ours}/attention/output", f"{theirs}.attention.output")
        dense(f"{ours}/intermediate/dense", f"{theirs}.intermediate.dense")
        dense(f"{ours}/output/dense", f"{theirs}.output.dense")
        norm(f"{ours}/output", f"{theirs}.output")
    dense("bert/pooler/dense", "bert.pooler.dense")
    dense("cls/predictions/transform/dense", "cls.predictions.transform.dense")
    norm("cls/predictions/transform", "cls.predictions.transform")
    take("cls/predictions/output_bias", "cls.predictions.bias")
    take("cls/seq_relationship/output_weights", "cls.seq_relationship.weight")
    take("cls/seq_relationship/output_bias", "cls.seq_relationship.bias")
    assert source == {}
    return variables


def write_variables(prefix, variables):
    names = sorted(variables)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(variables[name]) for name in names],
    )


def write_original(directory, name="bert_model.ckpt", words=tiny_bundle.WORDS):
    directory.mkdir()
    write_variables(directory / name, original_variables() | OTHERS)
    # It has no `model_type`, and no epsilon: 1e-12 is in the code.
    left_out = ("model_type", "layer_norm_eps")
    fields = {n: v for n, v in tiny_bundle.CONFIG.items() if n not in left_out}
    (directory / "bert_config.json").write_text(json.dumps(fields))
    (directory / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    return directory
