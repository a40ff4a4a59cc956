"""Where steps do an encoder's work in C++, and that they learn the same there."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from transformers import BertConfig

from bert_cpu.layers.native.operations import training_operations
from bert_cpu.models.encoder import build_encoder
from bert_cpu.tasks.classify import Classify
from bert_cpu.training.choose_native import choose_native
from bert_cpu.training.optimizer import AdamW
from bert_cpu.training.step import make_train_step

needs_operations = pytest.mark.skipif(
    training_operations() is None, reason="no operations in C++ here"
)
SHAPE = {
    "vocab_size": 50,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 24,
}


def build(dtype="bfloat16", dropout=0.1, reads_first_token=True, **changes):
    keras.utils.set_random_seed(3)
    config = BertConfig(**SHAPE | changes)
    encoder = build_encoder(config, dropout, dtype, reads_first_token)
    return Classify().build(encoder, ["a", "b", "c"], dropout)


@pytest.fixture
def one_thread_each(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")


@needs_operations
def test_bfloat16_on_threads_of_their_own_is_native(one_thread_each, monkeypatch):
    assert choose_native(build())
    assert not choose_native(build("float32"))
    # Heads of 8 numbers, and layers of 72.
    assert not choose_native(build(num_attention_heads=8))
    assert not choose_native(build(hidden_size=72, num_attention_heads=3))
    assert not choose_native(build(intermediate_size=100))
    assert not choose_native(keras.Sequential([keras.layers.Dense(16)]))
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "8")
    assert not choose_native(build())


def test_without_operations_nothing_is_native(one_thread_each, monkeypatch):
    for place in ("switch", "operations"):
        monkeypatch.setattr(
            f"bert_cpu.layers.native.{place}.training_operations", lambda: None
        )
    assert not choose_native(build())


def batch_of(examples, length):
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, length + 1, examples)
    return {
        "input_ids": tf.constant(rng.integers(5, 50, (examples, length)), tf.int32),
        "token_type_ids": tf.zeros((examples, length), tf.int32),
        "attention_mask": tf.cast(np.arange(length) < lengths[:, None], tf.int32),
        "label": tf.constant(rng.integers(0, 3, examples), tf.int32),
        "weight": tf.ones(examples),
    }


def train(steps, *, is_native, dtype="bfloat16", **given):
    """The losses of some steps on one batch, and which operations they took."""
    model, batch = build(dtype, **given), batch_of(10, 13)
    step = make_train_step(
        model,
        Classify().losses,
        AdamW(2e-3, 0.01, 1.0),
        tf.distribute.get_strategy(),
        batch_spec={
            name: tf.TensorSpec([None] * value.ndim, value.dtype)
            for name, value in batch.items()
        },
        is_compiled=True,
        is_native=is_native,
        num_streams=2,
    )
    return [float(step(batch, True, tf.constant(0.0))[0]) for _ in range(steps)]


@needs_operations
@pytest.mark.parametrize("reads_first_token", [True, False])
def test_steps_lose_the_same_in_cpp_as_compiled(reads_first_token):
    # Random numbers are the same as well, so that what dropout takes is.
    losses = [
        train(5, is_native=is_native, reads_first_token=reads_first_token)
        for is_native in (True, False)
    ]
    np.testing.assert_allclose(*losses, atol=0.02)
    # They do differ, or the same was computed twice.
    assert losses[0] != losses[1]
    # And learn.
    assert losses[0][-1] < losses[0][0] - 0.03


@needs_operations
def test_steps_without_dropout_are_those_of_float32():
    exact = train(5, is_native=False, dtype="float32", dropout=0.0)
    np.testing.assert_allclose(train(5, is_native=True, dropout=0.0), exact, atol=0.02)


@needs_operations
def test_layers_of_other_dtypes_and_widths_stay_as_they_are():
    plain = train(2, is_native=False, dtype="float32")
    assert train(2, is_native=True, dtype="float32") == plain
    odd = {"hidden_size": 72, "num_attention_heads": 3, "intermediate_size": 100}
    losses = [train(2, is_native=is_native, **odd) for is_native in (True, False)]
    np.testing.assert_allclose(*losses, atol=0.02)
