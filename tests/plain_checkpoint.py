"""A checkpoint as encoders are published, without a prefix, and how it is loaded."""

import safetensors.numpy
import tiny_bundle

from bert_cpu.models.checkpoint import open_checkpoint

NUM_LAYERS = tiny_bundle.CONFIG["num_hidden_layers"]


def plain_weights(seed=0):
    """An encoder's tensors without a prefix, as encoders are published."""
    return {
        name.removeprefix("bert."): value
        for name, value in tiny_bundle.random_weights(seed=seed).items()
        if name.startswith("bert.")
    }


def rewrite(directory, weights):
    safetensors.numpy.save_file(weights, directory / "model.safetensors")


def load(directory, encoder):
    return open_checkpoint(str(directory)).assign_to(encoder)
