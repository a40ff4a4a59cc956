"""A few variables and their checkpoints: what a run saves, in small."""

import keras
import numpy as np

from bert_cpu.training.checkpoint import Checkpoints


def make_variables(seed):
    """A table, a counter, a generator's state and two weights of a model."""
    random = np.random.default_rng(seed)
    return [
        keras.Variable(random.normal(size=(4, 3)).astype("float32"), name="kernel"),
        keras.Variable(random.normal(size=(3,)).astype("float32"), name="bias"),
        keras.Variable(random.integers(0, 2**32, 2), dtype="uint32", name="state"),
        keras.Variable(seed * 100, dtype="int64", name="iterations"),
    ]


def make_checkpoints(directory, variables, sha256="a" * 64, keep=2):
    return Checkpoints(directory, variables, variables[:2], sha256, keep)


def values_of(variables):
    return [np.array(variable.numpy()) for variable in variables]


def assert_same(variables, values):
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())
