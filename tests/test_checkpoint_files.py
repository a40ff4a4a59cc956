"""A checkpoint is read in all its spellings, and all of it or as much as was said."""

import ml_dtypes
import numpy as np
import pytest
import tiny_bundle
from plain_checkpoint import NUM_LAYERS, load, plain_weights, rewrite
from transformers import BertConfig

from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.weights import assign_weights, collect_weights, encoder_names


@pytest.fixture(scope="module")
def encoder():
    return build_encoder(BertConfig(**tiny_bundle.CONFIG))


@pytest.fixture
def directory(tmp_path):
    return tiny_bundle.write_bundle(tmp_path / "encoder")


def test_every_weight_has_one_tensor_of_transformers_and_back(encoder):
    names = encoder_names(NUM_LAYERS)
    paths = [variable.path for variable in encoder.trainable_variables]
    assert sorted(names) == sorted(paths)
    # tests/reference has transformers load just these names, strictly.
    assert sorted(names.values()) == sorted(plain_weights())


def test_what_is_collected_is_what_was_assigned(encoder):
    weights = plain_weights(seed=3)
    assign_weights(encoder, encoder_names(NUM_LAYERS), weights, "here")
    collected = collect_weights(encoder, encoder_names(NUM_LAYERS))
    assert collected.keys() == weights.keys()
    for name, value in weights.items():
        np.testing.assert_array_equal(collected[name], value, err_msg=name)
        assert collected[name].flags.c_contiguous, name


def with_the_originals_norms(weights):
    return {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): value
        for name, value in weights.items()
    }


SPELLINGS = {
    "plain": lambda weights: weights,
    "prefixed": lambda weights: {f"bert.{name}": weights[name] for name in weights},
    "gamma and beta": with_the_originals_norms,
    "with more in it": lambda weights: (
        weights
        | {
            "embeddings.position_ids": np.arange(40)[None],
            "cls.predictions.bias": np.zeros(320, np.float32),
        }
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_each_spelling_of_the_names_is_read(spelling, directory, encoder):
    weights = plain_weights(seed=4)
    rewrite(directory, SPELLINGS[spelling](weights))
    assert load(directory, encoder) == []
    for name, value in collect_weights(encoder, encoder_names(NUM_LAYERS)).items():
        np.testing.assert_array_equal(value, weights[name], err_msg=name)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_sized_weights_are_read(dtype, directory, encoder):
    weights = {
        name: value.astype(getattr(ml_dtypes, dtype, dtype))
        for name, value in plain_weights(seed=5).items()
    }
    rewrite(directory, weights)
    load(directory, encoder)
    for name, value in collect_weights(encoder, encoder_names(NUM_LAYERS)).items():
        np.testing.assert_array_equal(value, weights[name].astype(np.float32))


def test_an_absent_pooler_is_named_and_keeps_its_random_start(directory, encoder):
    weights = plain_weights(seed=6)
    pooler = {"pooler.dense.weight", "pooler.dense.bias"}
    before = collect_weights(encoder, encoder_names(NUM_LAYERS))
    rewrite(directory, {name: weights[name] for name in weights.keys() - pooler})
    assert set(load(directory, encoder)) == pooler
    after = collect_weights(encoder, encoder_names(NUM_LAYERS))
    for name, value in after.items():
        source = before if name in pooler else weights
        np.testing.assert_array_equal(value, source[name], err_msg=name)


def test_a_vocabulary_alone_makes_the_tokenizer(directory):
    (directory / "tokenizer.json").unlink()
    (directory / "vocab.txt").write_text("\n".join(tiny_bundle.WORDS) + "\n")
    tokenizer = open_checkpoint(str(directory)).tokenizer
    ids = tokenizer("A quiet film")["input_ids"]
    words = ["[CLS]", "a", "quiet", "film", "[SEP]"]
    assert ids == [tiny_bundle.WORDS.index(word) for word in words]


def test_a_checkpoint_with_fewer_layers_computes_what_longhand_does(tmp_path):
    config = tiny_bundle.CONFIG | {"num_hidden_layers": 3}
    weights = tiny_bundle.random_weights(config)
    tiny_bundle.write_bundle(tmp_path / "three", weights, config)
    checkpoint = open_checkpoint(str(tmp_path / "three")).with_layers(2)
    encoder = build_encoder(checkpoint.config)
    checkpoint.assign_to(encoder)
    ids = np.array([[2, 6, 7, 8, 3]])
    inputs = {
        "input_ids": ids,
        "token_type_ids": np.zeros_like(ids),
        "attention_mask": np.ones_like(ids),
    }
    pooled = encoder(inputs)["pooled"].numpy()[0]
    expected = tiny_bundle.longhand_logits(
        weights, config | {"num_hidden_layers": 2}, ids[0], np.zeros(5, int)
    )
    kernel, bias = weights["classifier.weight"], weights["classifier.bias"]
    np.testing.assert_allclose(pooled @ kernel.T + bias, expected, atol=1e-4)


def test_all_layers_are_kept_unless_it_is_said(directory):
    checkpoint = open_checkpoint(str(directory))
    assert checkpoint.with_layers(0) is checkpoint
