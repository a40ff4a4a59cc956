"""A search space as Keras Tuner knows one, and its values as settings again."""

from collections.abc import Mapping
from typing import Any

import keras_tuner

from bert_cpu.search.space import Range, SearchSpace, kind_of


def to_hyperparameters(space: SearchSpace) -> keras_tuner.HyperParameters:
    """The searched settings of a space; those with one value are left out."""
    found = keras_tuner.HyperParameters()
    for name, dimension in space.searched.items():
        kind = kind_of(name)
        if isinstance(dimension, Range):
            sampling = "log" if dimension.is_log else "linear"
            add = found.Int if kind is int else found.Float
            add(name, kind(dimension.low), kind(dimension.high), sampling=sampling)
        else:
            values = dict.fromkeys(kind(value) for value in dimension.values)
            found.Choice(name, list(values))
    return found


def to_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in a trial's values, without what the tuner adds for itself."""
    return {
        name: kind_of(name)(value)
        for name, value in values.items()
        if not name.startswith("tuner/")
    }
