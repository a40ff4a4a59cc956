"""KerasHub's BERT classifier with the weights of a local directory."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import keras_hub
from keras_hub.src.utils.transformers.convert_bert import convert_weights
from safetensors.numpy import load_file

_EMBEDDINGS = (
    *("token_embedding", "position_embedding", "segment_embedding"),
    "embeddings_layer_norm",
)


class KerasHubClassifier:
    """Makes classifiers from one set of weights, which it reads once.

    Args:
        directory: in the Hugging Face layout. Names of weights may begin with `bert.`;
            a head among them is taken over by a model with as many labels.
    """

    def __init__(self, directory: pathlib.Path):
        text = (directory / "config.json").read_text(encoding="utf-8")
        self._config: dict[str, Any] = json.loads(text)
        self._tensors = load_file(directory / "model.safetensors")

    def __call__(
        self, num_labels: int, dropout: float, freeze_layers: int = 0
    ) -> keras.Model:
        """Makes a new model, not compiled, with the dtypes of Keras's policy.

        Args:
            num_labels: int.
            dropout: float in `[0, 1)`.
            freeze_layers: the lowest layers that don't learn, with the embeddings.

        Returns:
            From `token_ids`, `segment_ids` and `padding_mask`, int `(batch, length)`,
            to logits `(batch, num_labels)`.
        """
        config = self._config
        backbone = keras_hub.models.BertBackbone(
            vocabulary_size=config["vocab_size"],
            num_layers=config["num_hidden_layers"],
            num_heads=config["num_attention_heads"],
            hidden_dim=config["hidden_size"],
            intermediate_dim=config["intermediate_size"],
            dropout=dropout,
            max_sequence_length=config["max_position_embeddings"],
        )
        model = keras_hub.models.BertTextClassifier(
            backbone, num_classes=num_labels, preprocessor=None, dropout=dropout
        )
        convert_weights(backbone, _Loader(self._tensors), config)
        head = self._tensors.get("classifier.weight")
        if head is not None and len(head) == num_labels:
            bias = self._tensors["classifier.bias"]
            model.get_layer("logits").set_weights([head.T, bias])
        if freeze_layers:
            frozen = [
                *_EMBEDDINGS,
                *(f"transformer_layer_{i}" for i in range(freeze_layers)),
            ]
            for name in frozen:
                backbone.get_layer(name).trainable = False
        return model


class _Loader:
    """Gives KerasHub's own conversion the tensors of a local file."""

    def __init__(self, tensors: Mapping[str, Any]):
        has_prefix = any(name.startswith("bert.") for name in tensors)
        self._prefix = "bert." if has_prefix else ""
        self._tensors = tensors

    def get_tensor(self, name):
        return self._tensors[self._prefix + name]

    def port_weight(self, keras_variable, hf_weight_key, hook_fn=None):
        tensor = self.get_tensor(hf_weight_key)
        if hook_fn:
            tensor = hook_fn(tensor, list(keras_variable.shape))
        keras_variable.assign(tensor)
