"""Heads on a text's pooled tokens, next to longhand, in Keras and converted."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_bundle
from transformers import BertConfig

from bert_cpu.models.bundle import BundleInfo, open_bundle, save_bundle
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.load_tokenizer import load_tokenizer
from bert_cpu.settings import TrainSettings
from bert_cpu.task_catalog import make_task, restore_task
from bert_cpu.tasks.parts.pooling import POOLINGS, pool_tokens

TASKS = ("classify", "multilabel", "score")
LABELS = ("bad", "good", "fair")
INPUTS = {
    "input_ids": np.int32([[2, 6, 8, 3], [2, 9, 3, 0]]),
    "token_type_ids": np.int32([[0, 0, 1, 1], [0, 0, 0, 0]]),
    "attention_mask": np.int32([[1, 1, 1, 1], [1, 1, 1, 0]]),
}
CONFIG = BertConfig(**tiny_bundle.CONFIG, initializer_range=0.2)


def make(name, pooling):
    return make_task(TrainSettings(task=name, pooling=pooling))


def build(task):
    """The task's model with random weights, as training builds it."""
    encoder = build_encoder(CONFIG, 0.0, reads_first_token=task.reads_first_token)
    model = task.build(encoder, LABELS, 0.0)
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(random.normal(0, 0.2, variable.shape))
    return model


def longhand(model, pooling):
    """Outputs of the same weights, from all tokens of an encoder that reads them."""
    whole = build_encoder(CONFIG, 0.0)
    values = {variable.path: variable.numpy() for variable in model.variables}
    for variable in whole.trainable_variables:
        if variable.path in values:
            variable.assign(values[variable.path])
    read = whole(INPUTS)
    tokens = read["sequence"].numpy()
    pooled = {
        "pooled": read["pooled"].numpy(),
        "cls": tokens[:, 0],
        "mean": np.stack([tokens[0].mean(0), tokens[1, :3].mean(0)]),
    }[pooling]
    return pooled @ values["logits/kernel"] + values["logits/bias"]


@pytest.mark.parametrize("name", TASKS)
def test_a_head_begins_large_enough_for_a_pooler_that_gives_little(name):
    keras.utils.set_random_seed(0)
    shape = CONFIG.to_dict() | {"hidden_size": 96, "num_attention_heads": 4}
    task = make(name, "pooled")
    encoder = build_encoder(BertConfig(**shape), 0.0, reads_first_token=True)
    kernel = task.build(encoder, LABELS, 0.0).get_layer("logits").kernel.numpy()
    # Even between plus and minus this (Glorot and Bengio 2010, equation 16).
    limit = np.sqrt(6 / sum(kernel.shape))
    assert np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.15)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", TASKS)
def test_outputs_are_a_product_of_the_pooled_tokens(name, pooling):
    model = build(make(name, pooling))
    (outputs,) = model(INPUTS).values()
    expected = longhand(model, pooling)
    expected = expected[:, 0] if name == "score" else expected
    assert outputs.dtype == "float32"
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-5)


def test_padding_does_not_change_the_mean():
    model = build(make("classify", "mean"))
    row = {name: value[1:] for name, value in INPUTS.items()}
    short = model({name: value[:, :3] for name, value in row.items()})["logits"]
    row["input_ids"] = np.int32([[2, 9, 3, 7]])
    np.testing.assert_allclose(model(row)["logits"], short, rtol=0, atol=1e-5)


def test_a_row_that_fills_up_a_batch_is_a_number():
    encoder = build_encoder(CONFIG, 0.0)
    empty = {name: np.zeros_like(value) for name, value in INPUTS.items()}
    pooled = keras.Model(encoder.input, pool_tokens(encoder, "mean"))
    assert np.isfinite(pooled(empty)).all()


class FakeGraph:
    """What a lean graph gives that these heads ask for."""

    def __init__(self, model):
        weights = {variable.path: variable.numpy() for variable in model.variables}
        self._weights = weights | {
            "classifier/kernel": weights["logits/kernel"],
            "classifier/bias": weights["logits/bias"],
        }

    def product(self, name, x):
        kernel, bias = (self._weights[f"{name}/{kind}"] for kind in ("kernel", "bias"))
        return tf.matmul(x, kernel) + bias

    def pooled(self, x):
        return tf.tanh(self.product("pooler", x))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", TASKS)
def test_a_lean_head_answers_as_kerass(name, pooling):
    task = make(name, pooling)
    model = build(task)
    encoder = build_encoder(CONFIG, 0.0, reads_first_token=task.reads_first_token)
    for variable, value in zip(encoder.weights, model.weights, strict=False):
        if variable.path == value.path:
            variable.assign(value)
    (expected,) = model(INPUTS).values()
    hidden = encoder(INPUTS)["sequence"]
    for row in range(2):
        inputs = {key: tf.constant(value[row]) for key, value in INPUTS.items()}
        ((found,),) = task.lean_outputs(FakeGraph(model), hidden[row], inputs).values()
        np.testing.assert_allclose(found, expected[row], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "pooling"), [*((name, "pooled") for name in TASKS), ("embed", "mean")]
)
def test_auto_is_what_the_task_does_by_itself(name, pooling):
    assert make(name, "auto").pooling == pooling
    # Bundles of before the option was there have none.
    assert restore_task(name, {}).pooling == pooling


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_bundle_remembers_and_transformers_is_not_misled(pooling, tmp_path):
    task = make("classify", pooling)
    original = tiny_bundle.write_bundle(tmp_path / "original")
    info = BundleInfo("classify", LABELS, 20, False, {}, options={"pooling": pooling})
    directory = tmp_path / "bundle"
    tokenizer = load_tokenizer(original)
    save_bundle(directory, build(task), task, CONFIG, tokenizer, info)
    loaded = open_bundle(directory)
    assert restore_task(loaded.info.task, loaded.info.options).pooling == pooling
    (said,) = json.loads((directory / "config.json").read_text())["architectures"]
    # Its class would draw weights for a pooler that were never trained.
    assert (said == "BertForSequenceClassification") == (pooling == "pooled")
