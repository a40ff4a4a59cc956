"""A pooler that was never trained begins anew; one that was is left alone."""

import keras
import numpy as np
import pytest
import tiny_bundle
import tiny_run
from safetensors.numpy import load_file, save_file
from transformers import BertConfig

from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.start_pooler import start_pooler
from bert_cpu.tasks.tag import Tag

CONFIG = BertConfig(**tiny_bundle.CONFIG)
WEIGHT, BIAS = "bert.pooler.dense.weight", "bert.pooler.dense.bias"


def pooler_of(model):
    layer = model.get_layer("pooler")
    return layer.kernel.numpy(), layer.bias.numpy()


def test_the_kernel_is_drawn_as_keras_draws_a_dense_layer():
    encoder = build_encoder(CONFIG, 0.0)
    others = [
        (weight.path, weight.numpy())
        for weight in encoder.weights
        if weight.path != "pooler/kernel"
    ]
    keras.utils.set_random_seed(3)
    assert start_pooler(encoder)
    keras.utils.set_random_seed(3)
    layer = keras.layers.Dense(CONFIG.hidden_size, "tanh")
    layer.build((None, CONFIG.hidden_size))
    np.testing.assert_array_equal(pooler_of(encoder)[0], layer.kernel.numpy())
    after = {weight.path: weight.numpy() for weight in encoder.weights}
    for path, before in others:
        np.testing.assert_array_equal(after[path], before)


def test_one_update_of_a_bias_is_training_enough():
    encoder = build_encoder(CONFIG, 0.0)
    kernel, bias = pooler_of(encoder)
    bias[5] = -1e-9
    encoder.get_layer("pooler").bias.assign(bias)
    assert not start_pooler(encoder)
    np.testing.assert_array_equal(pooler_of(encoder)[0], kernel)


def test_a_model_without_a_pooler_has_none_to_begin():
    model = Tag().build(build_encoder(CONFIG, 0.0), ["O", "B-x", "I-x"], 0.0)
    assert not start_pooler(model)


@pytest.mark.parametrize(
    "is_trained, epochs, is_kept",
    [(False, 1, False), (True, 1, True), (False, 0, True)],
)
def test_a_run_that_trains_begins_a_pooler_that_was_not(
    tmp_path, is_trained, epochs, is_kept
):
    settings = tiny_run.tiny_settings(
        tmp_path, epochs=epochs, learning_rate=1e-9, weight_decay=0.0
    )
    file = tmp_path / "encoder" / "model.safetensors"
    weights = load_file(file)
    if not is_trained:
        save_file(weights | {BIAS: np.zeros_like(weights[BIAS])}, file)
    tiny_run.run(settings)
    ended = tiny_run.trained_weights(settings.run_dir)[WEIGHT]
    assert np.allclose(ended, weights[WEIGHT], atol=1e-6) == is_kept
    if not is_kept:
        limit = np.sqrt(6 / sum(ended.shape))
        assert 0.9 * limit < np.abs(ended).max() <= limit + 1e-6
