"""What is frozen, and the share of the learning rate that each layer has."""

import keras
import pytest
import tiny_bundle
from transformers import BertConfig

from bert_cpu.models.encoder import build_encoder
from bert_cpu.tasks.classify import Classify
from bert_cpu.training.rates import freeze, rate_multipliers


@pytest.fixture(scope="module")
def build():
    config = BertConfig(**tiny_bundle.CONFIG | {"num_hidden_layers": 3})
    return lambda: Classify().build(build_encoder(config), ("neg", "pos"), 0.0)


def layer_of(variable):
    return variable.path.split("/")[0]


def test_rates_fall_by_the_same_share_from_layer_to_layer(build):
    model = build()
    multipliers = rate_multipliers(model, 0.5)
    expected = {
        "logits": 1.0,
        "pooler": 1.0,
        "block_2": 0.5,
        "block_1": 0.25,
        "block_0": 0.125,
        "embeddings": 0.0625,
    }
    assert {layer_of(v) for v in model.trainable_variables} == set(expected)
    assert multipliers == {
        v.path: expected[layer_of(v)] for v in model.trainable_variables
    }


def test_all_layers_learn_alike_without_decay(build):
    assert set(rate_multipliers(build(), 1.0).values()) == {1.0}


@pytest.mark.parametrize(
    "num_layers, frozen",
    [
        (0, set()),
        (1, {"embeddings", "block_0"}),
        (3, {"embeddings", "block_0", "block_1", "block_2"}),
    ],
)
def test_the_lowest_layers_are_frozen_with_the_embeddings(build, num_layers, frozen):
    model = build()
    everything = {layer_of(variable) for variable in model.trainable_variables}
    freeze(model, num_layers)
    trained = {layer_of(variable) for variable in model.trainable_variables}
    assert everything - trained == frozen
    assert set(rate_multipliers(model, 0.9)) == {
        variable.path for variable in model.trainable_variables
    }


def test_a_block_above_nine_is_not_taken_for_a_lower_one():
    inputs = x = keras.Input((2,))
    for index in range(12):
        x = keras.layers.Dense(2, name=f"block_{index}")(x)
    multipliers = rate_multipliers(keras.Model(inputs, x), 0.5)
    assert multipliers["block_11/kernel"] == 0.5
    assert multipliers["block_10/kernel"] == 0.25
    assert multipliers["block_1/kernel"] == 0.5**11
