"""A checkpoint that can't be used is refused with what is wrong in it."""

import json
import re

import numpy as np
import pytest
import tiny_bundle
from plain_checkpoint import NUM_LAYERS, load, plain_weights, rewrite
from transformers import BertConfig

from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.weights import collect_weights, encoder_names


@pytest.fixture(scope="module")
def encoder():
    return build_encoder(BertConfig(**tiny_bundle.CONFIG))


@pytest.fixture
def directory(tmp_path):
    return tiny_bundle.write_bundle(tmp_path / "encoder")


def change_config(directory, **fields):
    config = tiny_bundle.CONFIG | fields
    (directory / "config.json").write_text(json.dumps(config))


def test_a_missing_tensor_is_named_and_nothing_is_assigned(directory, encoder):
    before = collect_weights(encoder, encoder_names(NUM_LAYERS))
    weights = plain_weights(seed=7)
    del weights["encoder.layer.1.output.dense.weight"]
    rewrite(directory, weights)
    with pytest.raises(UserError) as caught:
        load(directory, encoder)
    assert "no tensor 'encoder.layer.1.output.dense.weight'" in str(caught.value)
    assert "model.safetensors" in str(caught.value)
    after = collect_weights(encoder, encoder_names(NUM_LAYERS))
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)


@pytest.mark.parametrize(
    "name, there, expected",
    [
        ("embeddings.word_embeddings.weight", (319, 64), (320, 64)),
        ("encoder.layer.1.attention.self.key.weight", (64, 32), (64, 64)),
        ("encoder.layer.0.intermediate.dense.weight", (64, 96), (96, 64)),
        ("encoder.layer.0.attention.self.query.bias", (4, 16), (64,)),
    ],
)
def test_a_shape_that_does_not_fit_is_shown_with_the_one_that_does(
    name, there, expected, directory, encoder
):
    weights = plain_weights()
    weights[name] = np.zeros(there, np.float32)
    rewrite(directory, weights)
    with pytest.raises(UserError) as caught:
        load(directory, encoder)
    message = str(caught.value)
    assert f"tensor '{name}' of shape {there}" in message
    assert f"config.json means {expected}" in message


def test_a_shortened_weights_file_is_not_whole(directory, encoder):
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"model\.safetensors' is not whole"):
        load(directory, encoder)


def test_a_pickle_is_not_opened(directory, encoder):
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    with pytest.raises(UserError) as caught:
        load(directory, encoder)
    message = str(caught.value)
    assert "pytorch_model.bin, a pickle, is never opened" in message
    assert "safetensors" in message.rpartition(". ")[2]


def test_absent_weights_are_named(directory, encoder):
    (directory / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors' is missing\. Save"):
        load(directory, encoder)


def test_another_kind_of_model_is_refused_by_its_kind(directory):
    change_config(directory, model_type="roberta")
    with pytest.raises(UserError, match="type 'roberta', but only 'bert' is read"):
        open_checkpoint(str(directory))


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        ("[]", "a model of type None, but only 'bert'"),
        ("{}", "a model of type None, but only 'bert'"),
        ('{"model_type": "bert", "hidden_size": "wide"}', "is not a BERT config"),
    ],
)
def test_a_config_that_cannot_be_used_is_explained_in_a_line(
    content, message, directory
):
    content = content if isinstance(content, bytes) else content.encode()
    (directory / "config.json").write_bytes(content)
    with pytest.raises(UserError) as caught:
        open_checkpoint(str(directory))
    assert message in str(caught.value)
    assert "config.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_directory_without_config_is_told_what_belongs_there(directory):
    (directory / "config.json").unlink()
    with pytest.raises(UserError, match=r"config\.json' is missing.*Hugging Face"):
        open_checkpoint(str(directory))


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"hidden_act": "gelu_fast"}, "hidden_act 'gelu_fast', but only gelu"),
        (
            {"position_embedding_type": "relative_key"},
            "position_embedding_type 'relative_key', but only absolute",
        ),
        ({"num_attention_heads": 5}, "hidden_size 64, which its 5 attention heads"),
        ({"is_decoder": True}, "is_decoder"),
    ],
)
def test_what_the_encoder_does_not_compute_is_refused(fields, message, directory):
    change_config(directory, **fields)
    with pytest.raises(UserError, match=re.escape(message)):
        build_encoder(open_checkpoint(str(directory)).config)


def test_a_tokenizer_with_more_words_than_the_model_is_refused(directory):
    change_config(directory, vocab_size=14)
    with pytest.raises(UserError, match="tokenizer with 15 words, but a model with 14"):
        open_checkpoint(str(directory))


def test_a_checkpoint_without_tokenizer_is_told_which_files(directory):
    (directory / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"neither tokenizer\.json nor vocab\.txt"):
        open_checkpoint(str(directory))


def test_a_damaged_tokenizer_is_told_in_a_line(directory):
    (directory / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(UserError, match="a tokenizer that can't be read") as caught:
        open_checkpoint(str(directory))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["./not/here", "/not/here", "a/b/c", "what is it?"])
def test_a_name_that_can_be_nothing_is_told_what_it_may_be(name):
    with pytest.raises(UserError) as caught:
        open_checkpoint(name)
    assert f"'{name}' is no directory here. Give minilm, a" in str(caught.value)


def test_a_file_in_place_of_a_directory_is_refused(directory):
    path = directory / "model.safetensors"
    with pytest.raises(UserError, match="is a file, but must be a directory"):
        open_checkpoint(str(path))
