"""The graph that is converted computes what the trained model does, or says why not."""

import json
import re

import numpy as np
import pytest
import tiny_bundle
from safetensors.numpy import load_file
from tiny_export import sequences_at_edges
from transformers import BertConfig

from bert_cpu.errors import UserError
from bert_cpu.export.lean_graph import LeanGraph
from bert_cpu.models.bundle import BundleInfo, save_bundle
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.load_tokenizer import load_tokenizer
from bert_cpu.models.weights import collect_weights, encoder_names
from bert_cpu.task import Task
from bert_cpu.tasks.classify import Classify


@pytest.fixture(scope="module")
def weights():
    return tiny_bundle.random_weights()


@pytest.fixture(scope="module")
def sequences():
    return sequences_at_edges()


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu", "silu"])
def test_lean_graph_agrees_with_longhand(weights, activation, sequences):
    config = tiny_bundle.CONFIG | {"hidden_act": activation}
    ids, kinds = sequences[4]
    actual = LeanGraph(weights, config, Classify()).signature(len(ids))(
        input_ids=np.int32([ids]),
        token_type_ids=np.int32([kinds]),
        attention_mask=np.ones((1, len(ids)), np.int32),
    )
    expected = tiny_bundle.longhand_logits(weights, config, ids, kinds)
    np.testing.assert_allclose(actual["logits"][0], expected, atol=2e-5)


# Keras 3.15 gives its variables to NumPy 2 in the old way.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_bundle_of_a_keras_model_answers_as_the_model_does(tmp_path, sequences):
    config = BertConfig(**tiny_bundle.CONFIG, initializer_range=0.2)
    encoder = build_encoder(config)
    model = Classify().build(encoder, ("a", "b", "c"), 0.0)
    tokenizer_dir = tiny_bundle.write_bundle(tmp_path / "tokenizer")
    save_bundle(
        tmp_path / "bundle",
        model,
        Classify(),
        config,
        load_tokenizer(tokenizer_dir),
        BundleInfo("classify", ("a", "b", "c"), 40, False, {}),
    )
    inputs = inputs_of(sequences[4])
    graph = LeanGraph(
        load_file(tmp_path / "bundle" / "model.safetensors"),
        json.loads((tmp_path / "bundle" / "config.json").read_text()),
        Classify(),
    )
    actual = graph.signature(inputs["input_ids"].shape[1])(**inputs)["logits"]
    np.testing.assert_allclose(actual, model(inputs)["logits"], atol=2e-5)


def inputs_of(sequence):
    ids, kinds = (np.int32([each]) for each in sequence)
    ones = np.ones_like(ids)
    return {"input_ids": ids, "token_type_ids": kinds, "attention_mask": ones}


class EveryToken(Task):
    """A head on every token."""

    reads_first_token = False
    lean_products = {"scores": "classifier"}

    def lean_outputs(self, graph, hidden, inputs):
        return {"scores": graph.product("scores", hidden)[None]}


def test_a_head_that_reads_every_token_gets_what_the_encoder_makes_of_each(sequences):
    config = BertConfig(**tiny_bundle.CONFIG, initializer_range=0.2)
    encoder = build_encoder(config)
    names = encoder_names(config.num_hidden_layers)
    weights = {
        f"bert.{name}": value
        for name, value in collect_weights(encoder, names).items()
        # Such a head's checkpoint has no pooler.
        if "pooler" not in name
    }
    random = np.random.default_rng(0)
    matrix, bias = (random.normal(size=s).astype("float32") for s in ((3, 64), 3))
    head = {"classifier.weight": matrix, "classifier.bias": bias}
    inputs = inputs_of(sequences[4])
    graph = LeanGraph(weights | head, config.to_dict(), EveryToken())
    # Padding is seen by none of the tokens before it.
    padded = {name: np.pad(each, [(0, 0), (0, 3)]) for name, each in inputs.items()}
    length = inputs["input_ids"].shape[1]
    actual = graph.signature(length + 3)(**padded)["scores"]
    assert actual.shape == (1, length + 3, 3)
    expected = encoder(inputs)["sequence"].numpy() @ matrix.T + bias
    np.testing.assert_allclose(actual[:, :length], expected, atol=5e-5)


def test_nothing_but_padding_makes_no_nan(weights):
    zeros = np.zeros((1, 16), np.int32)
    actual = LeanGraph(weights, tiny_bundle.CONFIG, Classify()).signature(16)(
        input_ids=zeros, token_type_ids=zeros, attention_mask=zeros
    )
    assert np.isfinite(actual["logits"]).all()


def test_unknown_activation_is_refused(weights):
    with pytest.raises(UserError, match=r"hidden_act is 'elu'.*gelu, gelu_new"):
        LeanGraph(weights, tiny_bundle.CONFIG | {"hidden_act": "elu"}, Classify())


@pytest.mark.parametrize(
    "name",
    [
        "bert.encoder.layer.1.output.dense.weight",
        "bert.pooler.dense.weight",
        "classifier.bias",
    ],
)
def test_missing_weight_is_named(weights, name):
    incomplete = {each: weights[each] for each in weights if each != name}
    with pytest.raises(UserError, match=re.escape(f"no weight '{name}'")) as caught:
        LeanGraph(incomplete, tiny_bundle.CONFIG, Classify()).signature(16)
    assert "\n" not in str(caught.value)
