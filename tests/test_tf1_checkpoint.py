"""Google's original checkpoints open like any other, with the same numbers."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tiny_bundle
from safetensors.numpy import save_file
from transformers import BertConfig

from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.weights import collect_weights
from bert_cpu.tasks.pretrain import HEAD_NAMES, build_pretraining

CONFIG = BertConfig(**tiny_bundle.CONFIG)
INPUTS = {
    "input_ids": np.int32([[2, 6, 8, 7, 3], [2, 9, 6, 3, 0]]),
    "token_type_ids": np.int32([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]),
    "attention_mask": np.int32([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]),
    "masked_positions": np.int32([[1, 3], [2, 0]]),
}
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


def loaded(directory):
    checkpoint = open_checkpoint(str(directory))
    encoder = build_encoder(checkpoint.config, dropout=0.0)
    model = build_pretraining(encoder)
    return model, encoder, checkpoint.assign_to(model, HEAD_NAMES)


@pytest.mark.parametrize("name", ["bert_model.ckpt", "model.ckpt-1000"])
def test_an_original_checkpoint_computes_what_the_same_weights_do(tmp_path, name):
    tiny_bundle.write_bundle(tmp_path / "theirs", weights())
    expected, expected_encoder, _ = loaded(tmp_path / "theirs")
    model, encoder, absent = loaded(write_original(tmp_path / "original", name))
    assert absent == []
    tokens = {name: INPUTS[name] for name in encoder.input}
    for ours, theirs in zip(
        encoder(tokens)["hidden_states"],
        expected_encoder(tokens)["hidden_states"],
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    for output, value in model(INPUTS).items():
        np.testing.assert_array_equal(value, expected(INPUTS)[output], err_msg=output)
    source = weights()
    for tensor, value in collect_weights(model, HEAD_NAMES).items():
        np.testing.assert_array_equal(value, source[tensor], err_msg=tensor)


def test_an_original_config_means_the_same_model(tmp_path):
    config = open_checkpoint(str(write_original(tmp_path / "original"))).config
    for field, value in tiny_bundle.CONFIG.items():
        assert getattr(config, field) == value


@pytest.mark.parametrize("words, first", [((), "film"), (("Film",), "Film")])
def test_texts_are_lower_cased_if_no_word_has_a_capital(tmp_path, words, first):
    vocabulary = (*tiny_bundle.WORDS, "好", *words)
    directory = write_original(tmp_path / "original", words=vocabulary)
    tokenizer = open_checkpoint(str(directory)).tokenizer
    assert tokenizer.tokenize("Film 很好") == [first, "[UNK]", "好"]


def test_the_named_checkpoint_is_taken_of_several(tmp_path):
    directory = write_original(tmp_path / "original")
    write_variables(directory / "model.ckpt-7", {"global_step": np.int64(7)})
    assert loaded(directory)[2] == []


def test_safetensors_beside_it_are_the_ones_to_read(tmp_path):
    directory = write_original(tmp_path / "original")
    (directory / "config.json").write_text(json.dumps(tiny_bundle.CONFIG))
    other = {name: value + 1 for name, value in weights().items()}
    save_file(other, directory / "model.safetensors")
    model, _, _ = loaded(directory)
    bias = collect_weights(model, {"masked_words/bias": "bias"})["bias"]
    np.testing.assert_array_equal(bias, other["cls.predictions.bias"])


def several(directory):
    for name in ("a.ckpt-1", "a.ckpt-2"):
        write_variables(directory / name, {"global_step": np.int64(1)})
    (directory / "bert_model.ckpt.index").unlink()


def another_model(directory):
    write_variables(directory / "bert_model.ckpt", OTHERS)


def half(directory):
    (data,) = directory.glob("*.data-*")
    data.write_bytes(data.read_bytes()[:2000])


def no_numbers(directory):
    (data,) = directory.glob("*.data-*")
    data.unlink()


def no_index(directory):
    (directory / "bert_model.ckpt.index").write_bytes(b"index")


def another_size(directory):
    fields = json.loads((directory / "bert_config.json").read_text())
    fields["intermediate_size"] = 128
    (directory / "bert_config.json").write_text(json.dumps(fields))


def no_vocabulary(directory):
    (directory / "vocab.txt").unlink()


@pytest.mark.parametrize(
    "damage, message",
    [
        (
            several,
            r"holds 2 checkpoints \(a.ckpt-1, a.ckpt-2\), but one was expected. Leave "
            "one there, or name it bert_model.ckpt.",
        ),
        (
            another_model,
            "bert_model.ckpt' has no variable 'bert/embeddings/word_embeddings', so it "
            "is not one of the original BERT checkpoints. Save it in the Hugging Face",
        ),
        (half, r"bert_model.ckpt' is not whole \(.*\). Fetch the checkpoint again."),
        (no_numbers, r"bert_model.ckpt' is not whole \(.*\). Fetch the checkpoint"),
        (
            no_index,
            r"bert_model.ckpt' is not whole \(.*\). Fetch the checkpoint again.",
        ),
        (
            another_size,
            "bert_model.ckpt' has tensor 'encoder.layer.0.intermediate.dense.weight' "
            r"of shape \(96, 64\), but its config.json means \(128, 64\)",
        ),
        (no_vocabulary, "has neither tokenizer.json nor vocab.txt. Add the one that"),
    ],
)
def test_what_is_wrong_is_explained_in_one_line(tmp_path, damage, message):
    directory = write_original(tmp_path / "original")
    damage(directory)
    with pytest.raises(UserError, match=message) as raised:
        loaded(directory)
    assert "\n" not in str(raised.value)
