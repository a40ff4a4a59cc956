"""The default space of `bert-cpu tune`, as a user of Keras Tuner writes it down."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class KerasValues:
    """What one trial trains with."""

    learning_rate: float
    warmup: float
    batch_size: int
    weight_decay: float
    dropout: float
    label_smoothing: float
    freeze_layers: int


def keras_space(hp: Any, num_layers: int) -> KerasValues:
    """Asks for each setting, in the order of `bert_cpu.search.default_space`.

    Keras Tuner's oracles draw one number for each setting in turn. `layer_decay` is
    drawn, so that the others are the same as ours, but not used: Keras has no rate for
    each layer.

    Args:
        hp: `keras_tuner.HyperParameters`.
        num_layers: int, 3 or more. Layers of the encoder.
    """
    learning_rate = hp.Float("learning_rate", 1e-5, 2e-4, sampling="log")
    warmup = hp.Float("warmup", 0.0, 0.2)
    batch_size = hp.Choice("batch_size", [16, 32, 64])
    weight_decay = hp.Choice("weight_decay", [0.0, 0.01, 0.1])
    dropout = hp.Choice("dropout", [0.0, 0.1, 0.2])
    hp.Float("layer_decay", 0.75, 1.0)
    label_smoothing = hp.Choice("label_smoothing", [0.0, 0.05, 0.1])
    freeze_layers = hp.Choice("freeze_layers", sorted({0, 1, num_layers // 3}))
    return KerasValues(
        learning_rate,
        warmup,
        batch_size,
        weight_decay,
        dropout,
        label_smoothing,
        freeze_layers,
    )
