"""Words hidden in training, beside the same model that reads them hidden already."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_bundle
import tiny_run
from transformers import BertConfig

from bert_cpu.errors import UserError
from bert_cpu.layers.word_dropout import WordDropout
from bert_cpu.models.encoder import build_encoder

MASK, KEPT = 4, (0, 1, 2, 3)


def ids_of(*shape, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, tiny_bundle.CONFIG["vocab_size"], shape).astype(np.int32)


@pytest.mark.parametrize("rate, cases", [(0.1, 26), (0.5, 128)])
def test_its_rate_of_the_words_is_hidden_and_nothing_else(rate, cases):
    ids = ids_of(400, 500)
    hidden = WordDropout(rate, MASK, KEPT, seed=0)(ids, training=True).numpy()
    assert (hidden.dtype, hidden.shape) == (ids.dtype, ids.shape)
    is_word = ~np.isin(ids, (*KEPT, MASK))
    assert set(hidden[is_word & (hidden != ids)].tolist()) == {MASK}
    np.testing.assert_array_equal(hidden[~is_word], ids[~is_word])
    share = cases / 256
    error = np.sqrt(share * (1 - share) / is_word.sum())
    assert abs(np.mean(hidden[is_word] == MASK) - share) < 5 * error


def test_others_are_hidden_each_time_and_the_same_by_the_same_seed():
    ids = np.full((30, 40), 9, np.int32)
    one, same = (WordDropout(0.5, MASK, KEPT, seed=1) for _ in range(2))
    first, second = (one(ids, training=True).numpy() for _ in range(2))
    assert np.mean(first == second) == pytest.approx(0.5, abs=0.1)
    np.testing.assert_array_equal(same(ids, training=True), first)


@pytest.mark.parametrize("rate, training", [(0.5, False), (0.0, True)])
def test_nothing_is_hidden_out_of_training(rate, training):
    ids = tf.constant(ids_of(3, 7))
    assert WordDropout(rate, MASK, KEPT)(ids, training=training) is ids


def test_an_encoder_computes_what_it_would_of_the_hidden_words():
    config = BertConfig(**tiny_bundle.CONFIG)
    layer = WordDropout(0.4, MASK, KEPT, seed=3)
    keras.utils.set_random_seed(5)
    encoder = build_encoder(config, 0.0, word_dropout=layer)
    keras.utils.set_random_seed(5)
    plain = build_encoder(config, 0.0)
    inputs = {
        "input_ids": ids_of(4, 11),
        "token_type_ids": np.zeros((4, 11), np.int32),
        "attention_mask": np.ones((4, 11), np.int32),
    }
    hidden = WordDropout(0.4, MASK, KEPT, seed=3)(inputs["input_ids"], training=True)
    assert (hidden.numpy() != inputs["input_ids"]).any()
    np.testing.assert_array_equal(
        encoder(inputs, training=True)["pooled"],
        plain(inputs | {"input_ids": hidden.numpy()}, training=True)["pooled"],
    )
    np.testing.assert_array_equal(
        encoder(inputs, training=False)["pooled"], plain(inputs)["pooled"]
    )


def test_a_run_hides_words_and_its_model_does_not(tmp_path):
    settings = tiny_run.tiny_settings(tmp_path, word_dropout=0.5)
    plain = tiny_run.run(tiny_run.tiny_settings(tmp_path, name="plain"))
    whole = tiny_run.run(settings)
    assert whole["validation"]["loss"] != plain["validation"]["loss"]
    config = json.loads((settings.run_dir / "config.json").read_text())
    assert config["word_dropout"] == 0.5
    weights = [
        tiny_run.trained_weights(tmp_path / "runs" / name) for name in ("tiny", "plain")
    ]
    assert weights[0].keys() == weights[1].keys()


def test_an_encoder_without_a_mask_is_refused(tmp_path, monkeypatch):
    settings = tiny_run.tiny_settings(tmp_path, word_dropout=0.5)
    monkeypatch.setattr(
        "transformers.BertTokenizerFast.mask_token_id",
        property(lambda self: None),
        raising=False,
    )
    with pytest.raises(UserError, match=r"--word-dropout hides words behind \[MASK\]"):
        tiny_run.run(settings)
