"""Google's original checkpoints open like any other, with the same numbers."""

import json

import numpy as np
import pytest
import tiny_bundle
from safetensors.numpy import save_file
from tiny_original import OTHERS, weights, write_original, write_variables

from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.weights import collect_weights
from bert_cpu.tasks.parts.pretrain import HEAD_NAMES, build_pretraining

INPUTS = {
    "input_ids": np.int32([[2, 6, 8, 7, 3], [2, 9, 6, 3, 0]]),
    "token_type_ids": np.int32([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]),
    "attention_mask": np.int32([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]),
    "masked_positions": np.int32([[1, 3], [2, 0]]),
}


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
