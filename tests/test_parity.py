"""The encoder computes what transformers' PyTorch BERT computes."""

import importlib

import numpy as np
import pytest
import tiny_bundle
from reference import stored

from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.models.encoder import build_encoder

TOLERANCE = {"rtol": 0, "atol": 2e-5}
# MiniLM has a feature that cancels large sums at padding, where nobody reads it.
# In float64 we agree there too; in float32, transformers itself is up to 4.5e-5 from
# its float64, and ours up to 6.3e-5, by the processor's kernels.
FLOAT32_AT_PADDING = {"rtol": 0, "atol": 1e-4}


def answers(directory, inputs, dtype="float32"):
    """`hidden_states` (layers + 1, batch, length, hidden) and `pooled`."""
    checkpoint = open_checkpoint(str(directory))
    encoder = build_encoder(checkpoint.config, dtype=dtype)
    assert checkpoint.assign_to(encoder) == []
    outputs = encoder(inputs)
    return {
        "hidden_states": np.stack([each.numpy() for each in outputs["hidden_states"]]),
        "sequence": outputs["sequence"].numpy(),
        "pooled": outputs["pooled"].numpy(),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["random_erf", "random_tanh"])
def test_a_random_encoder_agrees_with_transformers(name, dtype, tmp_path):
    reference = stored.read(name)
    directory = tmp_path / "encoder"
    tiny_bundle.write_bundle(directory, reference.weights(), reference.config)
    actual = answers(directory, reference.inputs, dtype)
    assert {value.dtype.name for value in actual.values()} == {dtype}
    for key in ("hidden_states", "pooled"):
        np.testing.assert_allclose(actual[key], reference.outputs[key], **TOLERANCE)
    np.testing.assert_array_equal(actual["sequence"], actual["hidden_states"][-1])


@pytest.mark.parametrize("name", ["random_erf", "random_tanh", "minilm"])
def test_the_stored_values_cover_padding_and_every_segment(name):
    reference = stored.read(name)
    real = reference.inputs["attention_mask"] == 1
    assert not real.all()
    segments = set(range(reference.config["type_vocab_size"]))
    assert set(reference.inputs["token_type_ids"][real]) == segments
    num_layers = reference.config["num_hidden_layers"]
    assert len(reference.outputs["hidden_states"]) == num_layers + 1


@pytest.mark.slow
def test_minilm_agrees_with_transformers_in_float64():
    reference = stored.read("minilm")
    actual = answers("minilm", reference.inputs, "float64")
    positions = reference.outputs["positions"]
    for key, value in (
        ("hidden_states", actual["hidden_states"][:, :, positions]),
        ("pooled", actual["pooled"]),
    ):
        np.testing.assert_allclose(value, reference.outputs[key], **TOLERANCE)


@pytest.mark.slow
def test_minilm_agrees_with_transformers_in_float32():
    reference = stored.read("minilm")
    actual = answers("minilm", reference.inputs)
    positions = reference.outputs["positions"]
    hidden_states = actual["hidden_states"][:, :, positions]
    expected = reference.outputs["hidden_states"]
    real = reference.inputs["attention_mask"][:, positions] == 1
    for where, tolerance in ((real, TOLERANCE), (~real, FLOAT32_AT_PADDING)):
        np.testing.assert_allclose(
            hidden_states[:, where], expected[:, where], **tolerance
        )
    np.testing.assert_allclose(
        actual["pooled"], reference.outputs["pooled"], **TOLERANCE
    )


@pytest.mark.parametrize("name", ["random_erf", "random_tanh"])
def test_a_random_encoder_agrees_with_the_transformers_installed_here(name, tmp_path):
    torch = pytest.importorskip("torch")
    torch_bert = importlib.import_module("reference.make_reference")
    config = torch_bert.CASES[name]
    weights = tiny_bundle.random_weights(config, seed=7)
    inputs = torch_bert.random_inputs(config, seed=7)
    model = torch_bert.load_classifier(weights, config)
    tiny_bundle.write_bundle(tmp_path / "encoder", weights, config)
    actual = answers(tmp_path / "encoder", inputs)
    for dtype in (torch.float32, torch.float64):
        expected = torch_bert.encoder_outputs(model.bert, inputs, dtype)
        for key in ("hidden_states", "pooled"):
            np.testing.assert_allclose(actual[key], expected[key], **TOLERANCE)


@pytest.mark.slow
def test_minilm_agrees_with_the_transformers_installed_here():
    torch = pytest.importorskip("torch")
    torch_bert = importlib.import_module("reference.make_reference")
    directory = torch_bert.minilm_directory()
    inputs = torch_bert.minilm_inputs(directory)
    model = torch_bert.BertModel.from_pretrained(directory)
    expected = {
        dtype: torch_bert.encoder_outputs(model, inputs, dtype)
        for dtype in (torch.float32, torch.float64)
    }
    actual = answers(directory, inputs, "float64")
    for key in ("hidden_states", "pooled"):
        np.testing.assert_allclose(
            actual[key], expected[torch.float64][key], **TOLERANCE
        )
    actual = answers(directory, inputs)
    real = inputs["attention_mask"] == 1
    for each in expected.values():
        for where, tolerance in ((real, TOLERANCE), (~real, FLOAT32_AT_PADDING)):
            np.testing.assert_allclose(
                actual["hidden_states"][:, where],
                each["hidden_states"][:, where],
                **tolerance,
            )
        np.testing.assert_allclose(actual["pooled"], each["pooled"], **TOLERANCE)
