"""Reads the values that make_reference.py wrote."""

import dataclasses
import hashlib
import json
import pathlib

import numpy as np
import safetensors
import tiny_bundle

_INPUTS = ("input_ids", "token_type_ids", "attention_mask")


@dataclasses.dataclass
class Reference:
    """What transformers' PyTorch BERT answered."""

    config: dict
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    seed: int | None  # Of the weights, if they are random.

    def weights(self):
        """The random weights that it had."""
        return tiny_bundle.random_weights(self.config, self.seed)


def read(name):
    path = pathlib.Path(__file__).with_name(f"{name}.safetensors")
    with safetensors.safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        values = {key: file.get_tensor(key) for key in list(file.keys())}
    inputs = {key: values.pop(key) for key in _INPUTS}
    seed = int(metadata["seed"]) if "seed" in metadata else None
    reference = Reference(json.loads(metadata["config"]), inputs, values, seed)
    if seed is not None:
        # Other weights would look like a mistake of the model.
        assert sha256_of_weights(reference.weights()) == metadata["weights_sha256"], (
            "NumPy draws other random weights now: run tests/reference/"
            "make_reference.py again."
        )
    return reference


def sha256_of_weights(weights):
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(weights[name].tobytes())
    return digest.hexdigest()
