"""A batch in parts gives what the whole batch gives."""

import collections

import bag_of_words
import numpy as np
import pytest
import tensorflow as tf
import tiny_bundle
from transformers import BertConfig

from bert_cpu.layers.compiled.switch import compiled_kernels
from bert_cpu.models.encoder import build_encoder
from bert_cpu.task_catalog import task_class
from bert_cpu.task_names import TASK_NAMES
from bert_cpu.training.step import make_predict_step, make_train_step
from bert_cpu.training.streams import count_streams, in_streams

LENGTHS = (9, 4, 7, 2, 5)
GOES_ON = tf.constant(0.0)


def trained(num_streams, lengths=LENGTHS):
    """Weights and losses of some steps."""
    model = bag_of_words.build()
    optimizer = bag_of_words.AdamW(0.01, clip_norm=1.0)
    strategy = tf.distribute.get_strategy()
    step = make_train_step(
        model, bag_of_words.losses, optimizer, strategy, num_streams=num_streams
    )
    losses = [
        float(step(bag_of_words.make_batch(lengths, seed), True, GOES_ON)[0])
        for seed in range(3)
    ]
    return bag_of_words.weights_of(model), losses


# Of a batch with fewer examples than parts, some parts are empty.
@pytest.mark.parametrize("lengths", [LENGTHS, LENGTHS[:2], LENGTHS[:1]])
@pytest.mark.parametrize("num_streams", [2, 3])
def test_steps_in_streams_train_to_the_same_weights(num_streams, lengths):
    expected, expected_losses = trained(1, lengths)
    found, losses = trained(num_streams, lengths)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-6)
    for path, weights in found.items():
        np.testing.assert_allclose(weights, expected[path], atol=1e-6, err_msg=path)


def some_inputs(model, size):
    random = np.random.default_rng(0)
    inputs = {
        name: random.integers(
            1, 5, (size, *[6 if n is None else n for n in x.shape[1:]])
        )
        for name, x in model.input.items()
    }
    for name in inputs:
        if name.endswith("mask"):
            inputs[name][:] = np.arange(inputs[name].shape[1]) < 4
        if "type" in name:
            inputs[name] %= 2
    return {
        name: tf.constant(value, model.input[name].dtype)
        for name, value in inputs.items()
    }


@pytest.mark.parametrize("name", TASK_NAMES)
def test_every_task_s_outputs_stay_in_the_order_of_the_batch(name):
    task = task_class(name)()
    encoder = build_encoder(BertConfig(**tiny_bundle.CONFIG), 0.0)
    model = task.build(encoder, tiny_bundle.LABELS, 0.0)
    inputs = some_inputs(model, 5)
    expected = model(inputs, training=False)
    found = in_streams(model, inputs, 2, training=False)
    assert set(found) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("size", [1, 5])
def test_compiled_layers_give_parts_and_gradients_as_of_the_whole(size):
    config = BertConfig(**tiny_bundle.CONFIG)
    model = task_class("classify")().build(build_encoder(config, 0.0), ["a", "b"], 0.0)
    inputs = some_inputs(model, size)

    @tf.function
    def gradients(num_streams):
        with tf.GradientTape() as tape, compiled_kernels(num_streams > 1):
            logits = in_streams(model, inputs, num_streams, training=True)["logits"]
            loss = tf.reduce_sum(tf.nn.softmax(logits)[:, 0])
        return tape.gradient(loss, model.trainable_variables)

    for whole, parts in zip(gradients(1), gradients(2), strict=True):
        whole, parts = tf.convert_to_tensor(whole), tf.convert_to_tensor(parts)
        np.testing.assert_allclose(parts, whole, atol=2e-5)


# Of ten examples of which three are there; some parts are empty, some are full.
@pytest.mark.parametrize(
    "num_streams",
    [
        pytest.param(1, marks=pytest.mark.slow),
        2,
        pytest.param(4, marks=pytest.mark.slow),
    ],
)
def test_a_small_batch_in_the_shapes_of_a_full_one_is_the_same(num_streams):
    config = BertConfig(**tiny_bundle.CONFIG)
    encoder = build_encoder(config, 0.1, reads_first_token=True)
    model = task_class("classify")().build(encoder, ["a", "b"], 0.1)
    inputs = some_inputs(model, 3)
    states = [v for v in model.variables if "seed" in v.path]
    assert states
    before = [v.numpy() for v in states]

    def with_gradients(whole):
        for state, value in zip(states, before, strict=True):
            state.assign(value)  # So that dropout takes the same.

        @tf.function
        def step():
            with tf.GradientTape() as tape, compiled_kernels():
                logits = in_streams(model, inputs, num_streams, True, whole)["logits"]
                loss = tf.reduce_sum(tf.nn.softmax(logits)[:, 0])
            return logits, tape.gradient(loss, model.trainable_variables)

        logits, gradients = step()
        return [logits, *map(tf.convert_to_tensor, gradients)]

    assert with_gradients(0)[0].shape == (3, 2)
    for plain, filled in zip(with_gradients(0), with_gradients(10), strict=True):
        np.testing.assert_allclose(filled, plain, atol=2e-6)


def test_parts_share_one_cast_of_each_kernel():
    config = BertConfig(**tiny_bundle.CONFIG)
    model = build_encoder(config, dropout=0.0, dtype="bfloat16")
    inputs = some_inputs(model, 4)

    def kernels_cast(num_streams):
        @tf.function
        def step():
            with tf.GradientTape() as tape:
                outputs = in_streams(model, inputs, num_streams, training=True)
                loss = tf.reduce_sum(outputs["pooled"])
            return tape.gradient(loss, model.trainable_variables)

        casts = collections.Counter(
            (each.inputs[0].dtype.name, each.outputs[0].dtype.name)
            for each in step.get_concrete_function().graph.get_operations()
            if each.type == "Cast"
            and "widen" in each.name
            and len(each.inputs[0].shape) == 2
        )
        return casts["float32", "bfloat16"], casts["bfloat16", "float32"]

    assert kernels_cast(1) == kernels_cast(3) == (config.num_hidden_layers,) * 2


def test_each_part_drops_features_of_its_own():
    model = bag_of_words.build(dropout=0.5)
    batch = bag_of_words.make_batch((5, 5))
    inputs = {name: tf.repeat(batch[name][:1], 8, axis=0) for name in model.input}
    logits = in_streams(model, inputs, 2, training=True)["logits"].numpy()
    assert not np.array_equal(logits[:4], logits[4:])


@pytest.mark.parametrize(
    "intra, inter, streams",
    [("1", "2", 2), ("2", "2", 1), ("1", "1", 1), (None, "2", 1)],
)
def test_there_are_as_many_streams_as_operations_of_one_thread(
    intra, inter, streams, monkeypatch
):
    for name, value in (("INTRA", intra), ("INTER", inter)):
        monkeypatch.delenv(f"TF_NUM_{name}OP_THREADS", raising=False)
        if value:
            monkeypatch.setenv(f"TF_NUM_{name}OP_THREADS", value)
    assert count_streams() == streams


def test_predictions_in_streams_are_those_of_the_batch(monkeypatch):
    model = bag_of_words.build()
    batch = bag_of_words.make_batch(LENGTHS)
    spec = {
        name: tf.TensorSpec([None] * value.shape.rank, value.dtype)
        for name, value in batch.items()
    }
    expected = make_predict_step(model, spec)(batch)["logits"]
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "4")
    found = make_predict_step(model, spec)(batch)["logits"]
    np.testing.assert_allclose(found, expected, atol=1e-6)
