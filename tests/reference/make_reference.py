"""Makes the values that the encoder and the bundle are compared with.

They are transformers' PyTorch BERT's, computed in float64: in float32 its own
rounding reaches 4e-5 where MiniLM reads padding. Random weights are drawn from a
seed, here and in the tests, so that a file holds only inputs and outputs. In an
environment with torch and transformers, from the project's root:

    PYTHONPATH=.:tests python tests/reference/make_reference.py
"""

import json
import pathlib

import numpy as np
import tiny_bundle
import torch
import transformers
from reference.stored import sha256_of_weights
from safetensors.numpy import save_file
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizerFast,
)

from bert_cpu.data.minilm import minilm_directory

_DIRECTORY = pathlib.Path(__file__).parent
CASES = {
    "random_erf": tiny_bundle.CONFIG,
    "random_tanh": tiny_bundle.CONFIG
    | {
        "hidden_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "intermediate_size": 160,
        "hidden_act": "gelu_new",
        "type_vocab_size": 3,
        "layer_norm_eps": 1e-5,
    },
}
# A single text, a pair, and one that is mostly padding.
_TEXTS = (
    ("A quiet, lovely film that earns every one of its tears.", ""),
    ("Nobody laughed.", "The house was full, and nobody laughed even once!"),
    ("Dull", ""),
)


def main():
    for seed, (name, config) in enumerate(CASES.items()):
        weights = tiny_bundle.random_weights(config, seed)
        model = load_classifier(weights, config)
        inputs = random_inputs(config, seed)
        values = inputs | encoder_outputs(model.bert, inputs)
        values["logits"] = logits(model, inputs)
        weights_sha256 = sha256_of_weights(weights)
        _save(name, values, config, seed=str(seed), weights_sha256=weights_sha256)
    directory = minilm_directory()
    inputs = minilm_inputs(directory)
    values = encoder_outputs(BertModel.from_pretrained(directory), inputs)
    # The first token, the last one of the longest text, and two between.
    positions = np.int32([0, 3, 8, inputs["input_ids"].shape[1] - 1])
    values["hidden_states"] = values["hidden_states"][:, :, positions]
    values["positions"] = positions
    config = json.loads((directory / "config.json").read_text())
    _save("minilm", inputs | values, config)


def load_classifier(weights, config):
    """A BertForSequenceClassification in which each weight has been set."""
    model = BertForSequenceClassification(
        BertConfig(**config, num_labels=len(weights["classifier.bias"]))
    )
    tensors = {name: torch.from_numpy(value) for name, value in weights.items()}
    model.load_state_dict(tensors, strict=True)
    return model


def encoder_outputs(bert, inputs, dtype=torch.float64):
    """`hidden_states` (layers + 1, batch, length, hidden) and `pooled`, float32."""
    with torch.inference_mode():
        outputs = bert.to(dtype).eval()(**_tensors(inputs), output_hidden_states=True)
    return {
        "hidden_states": torch.stack(outputs.hidden_states).float().numpy(),
        "pooled": outputs.pooler_output.float().numpy(),
    }


def logits(model, inputs, dtype=torch.float64):
    """float32 `(batch, num_labels)`."""
    with torch.inference_mode():
        return model.to(dtype).eval()(**_tensors(inputs)).logits.float().numpy()


def random_inputs(config, seed):
    """Sequences of several lengths, padded, in which every segment occurs."""
    random = np.random.default_rng(seed)
    lengths = np.array([13, 9, 4, 1])[:, None]
    places = np.arange(13)
    real = places < lengths
    ids = random.integers(1, config["vocab_size"], real.shape)
    segments = places * config["type_vocab_size"] // lengths
    return {
        "input_ids": np.where(real, ids, 0).astype(np.int32),
        "token_type_ids": np.where(real, segments, 0).astype(np.int32),
        "attention_mask": real.astype(np.int32),
    }


def minilm_inputs(directory):
    encoded = BertTokenizerFast.from_pretrained(directory)(
        *map(list, zip(*_TEXTS, strict=True)), padding=True, return_tensors="np"
    )
    return {name: value.astype(np.int32) for name, value in encoded.items()}


def _tensors(inputs):
    return {name: torch.from_numpy(value).long() for name, value in inputs.items()}


def _save(name, values, config, **more):
    made_by = f"transformers {transformers.__version__}, torch {torch.__version__}"
    metadata = {"config": json.dumps(config), "made_by": made_by, **more}
    values = {key: np.ascontiguousarray(value) for key, value in values.items()}
    save_file(values, _DIRECTORY / f"{name}.safetensors", metadata)


if __name__ == "__main__":
    main()
