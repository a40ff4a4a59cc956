"""One fused pass makes the updates that Keras and the paper make."""

import bag_of_words
import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_cpu.training.optimizer import AdamW, is_decayed
from bert_cpu.training.schedule import WarmupLinearDecay

NUM_UPDATES = 8
# The kernel takes 1 - 0.999 from float32, which leaves five digits of it.
TOLERANCE = 1e-5
DECAYED = {"words/embeddings", "kinds/embeddings", "logits/kernel"}
NOT_DECAYED = {"norm/gamma", "norm/beta", "logits/bias"}


@pytest.fixture
def model():
    return bag_of_words.build()


@pytest.fixture
def gradients(model):
    """For each update, one array a variable; most updates are over length 1."""
    random = np.random.default_rng(0)
    return [
        [
            random.normal(0, scale, variable.shape).astype("float32")
            for variable in model.trainable_variables
        ]
        for scale in np.geomspace(1e-3, 10, NUM_UPDATES)
    ]


def schedule():
    return WarmupLinearDecay(0.05, NUM_UPDATES, 0.3)


def make_keras(variables, rate=None, **options):
    optimizer = keras.optimizers.AdamW(
        rate or schedule(), weight_decay=0.1, epsilon=1e-8, **options
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(variables)
    return optimizer


def update(optimizer, variables, gradients):
    as_tensors = [keras.ops.convert_to_tensor(gradient) for gradient in gradients]
    return optimizer.apply(as_tensors, variables)


def assert_equal(ours, theirs):
    for path, expected in theirs.items():
        np.testing.assert_allclose(
            ours[path], expected, atol=TOLERANCE, rtol=0, err_msg=path
        )


# 0 clips nothing, 1 nearly every update, 1e4 none.
@pytest.mark.parametrize("clip_norm", [0.0, 1.0, 1e4])
def test_updates_are_those_of_keras(model, gradients, clip_norm):
    twin = bag_of_words.build()
    ours = AdamW(schedule(), 0.1, clip_norm)
    ours.build(model.trainable_variables)
    theirs = make_keras(twin.trainable_variables, global_clipnorm=clip_norm or None)
    before = bag_of_words.weights_of(model)
    for each in gradients:
        update(ours, model.trainable_variables, each)
        update(theirs, twin.trainable_variables, each)
        found = bag_of_words.weights_of(model)
        assert_equal(found, bag_of_words.weights_of(twin))
        assert all(np.abs(found[path] - before[path]).max() > 1e-3 for path in found)
    assert int(ours.iterations) == int(theirs.iterations) == NUM_UPDATES


def test_updates_are_those_of_the_paper(model, gradients):
    optimizer = AdamW(schedule(), 0.1, clip_norm=1.0)
    variables = model.trainable_variables
    optimizer.build(variables)
    expected = {
        path: value.astype("float64")
        for path, value in bag_of_words.weights_of(model).items()
    }
    first = dict.fromkeys(expected, 0.0)
    second = dict.fromkeys(expected, 0.0)
    for t, each in enumerate(gradients, start=1):
        update(optimizer, variables, each)
        length = np.sqrt(sum((g.astype("float64") ** 2).sum() for g in each))
        # The schedule in plain words: 2.4 updates climb, then it falls to 0.
        rate = 0.05 * min(t / 2.4, (NUM_UPDATES + 1 - t) / (NUM_UPDATES + 1 - 2.4))
        for path, gradient in zip(expected, each, strict=True):
            g = gradient.astype("float64") / max(1.0, length)
            first[path] = 0.9 * first[path] + 0.1 * g
            second[path] = 0.999 * second[path] + 0.001 * g**2
            decay = 0.1 if path in DECAYED else 0.0
            # With epsilon where the end of Adam's section 2 has it, as in Keras.
            correction = np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            step = correction * first[path] / (np.sqrt(second[path]) + 1e-8)
            expected[path] = expected[path] - rate * (step + decay * expected[path])
    assert_equal(bag_of_words.weights_of(model), expected)


def test_apply_returns_the_gradients_length_before_clipping(model, gradients):
    optimizer = AdamW(0.1, clip_norm=1.0)
    optimizer.build(model.trainable_variables)
    length = np.sqrt(sum((g.astype("float64") ** 2).sum() for g in gradients[-1]))
    assert length > 10
    found = update(optimizer, model.trainable_variables, gradients[-1])
    np.testing.assert_allclose(float(found), length, rtol=1e-5)


@pytest.mark.parametrize("clip_norm", [0.0, 1.0])
def test_rows_that_were_read_update_a_table_as_its_whole_gradient_does(clip_norm):
    tables, optimizers = [], []
    for _ in range(2):
        start = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
        tables.append(keras.Variable(start, name="embeddings"))
        optimizers.append(AdamW(0.05, 0.1, clip_norm))
        optimizers[-1].build(tables[-1:])
    random = np.random.default_rng(1)
    for read in ([5, 2, 5, 5], [2, 8], [0, 0], [3, 5, 3]):
        rows = random.normal(0, 3, (len(read), 4)).astype("float32")
        slices = tf.IndexedSlices(tf.constant(rows), tf.constant(read), [9, 4])
        whole = np.zeros((9, 4), "float32")
        np.add.at(whole, read, rows)  # A row that was read twice has both.
        lengths = [
            float(optimizer.apply([gradient], [table], 0.5))
            for optimizer, gradient, table in zip(
                optimizers, (slices, tf.constant(whole)), tables, strict=True
            )
        ]
        np.testing.assert_allclose(*lengths, rtol=1e-6)
        np.testing.assert_allclose(*(table.numpy() for table in tables), atol=1e-6)


@pytest.mark.parametrize("momentum", [0.2, 0.99])
def test_moving_average_is_that_of_tensorflow(momentum, model, gradients):
    optimizer = AdamW(schedule(), 0.1, 0.0, ema_momentum=momentum)
    variables = model.trainable_variables
    optimizer.build(variables)
    optimizer.start_average(variables)
    theirs = [tf.Variable(variable.numpy()) for variable in variables]
    averaged = tf.train.ExponentialMovingAverage(momentum, num_updates=tf.Variable(0))
    averaged.apply(theirs)  # Starts at the weights that training starts from.
    for number, each in enumerate(gradients, start=1):
        update(optimizer, variables, each)
        for twin, variable in zip(theirs, variables, strict=True):
            twin.assign(variable.numpy())
        averaged._num_updates.assign(number)
        averaged.apply(theirs)
        for found, twin in zip(
            optimizer._model_variables_moving_average, theirs, strict=True
        ):
            expected = averaged.average(twin).numpy()
            np.testing.assert_allclose(found.numpy(), expected, atol=TOLERANCE, rtol=0)


def test_after_100_updates_every_fourth_is_averaged_with_four_times_the_weight():
    weight = keras.Variable([1.0], name="kernel")
    optimizer = AdamW(0.01, 0.0, 0.0, ema_momentum=0.9)
    optimizer.build([weight])
    optimizer.start_average([weight])
    update_once = tf.function(lambda: optimizer.apply([tf.constant([1.0])], [weight]))
    expected = 1.0
    for number in range(1, 112):
        update_once()
        momentum = min(0.9, (1 + number) / (10 + number))
        if number > 100:
            momentum = momentum**4 if number % 4 == 0 else 1.0
        expected = momentum * expected + (1 - momentum) * float(weight.numpy()[0])
        (average,) = optimizer._model_variables_moving_average
        np.testing.assert_allclose(average.numpy(), [expected], atol=TOLERANCE)


def test_multiplier_is_a_learning_rate_of_its_own(model, gradients):
    multipliers = {"words/embeddings": 0.25, "norm/gamma": 0.5}
    ours = AdamW(0.05, 0.1, 0.0, multipliers)
    ours.build(model.trainable_variables)
    for each in gradients:
        update(ours, model.trainable_variables, each)
    found = bag_of_words.weights_of(model)
    for rate in (0.25, 0.5, 1.0):
        twin = bag_of_words.build()
        theirs = make_keras(twin.trainable_variables, rate=0.05 * rate)
        for each in gradients:
            update(theirs, twin.trainable_variables, each)
        expected = {
            path: value
            for path, value in bag_of_words.weights_of(twin).items()
            if multipliers.get(path, 1.0) == rate
        }
        assert expected
        assert_equal(found, expected)


def test_norms_and_biases_are_not_decayed(model):
    decayed = {v.path for v in model.trainable_variables if is_decayed(v)}
    assert decayed == DECAYED
    assert {v.path for v in model.trainable_variables} - decayed == NOT_DECAYED


def test_weights_without_a_gradient_only_decay(model):
    optimizer = AdamW(0.5, 0.1)
    variables = model.trainable_variables
    optimizer.build(variables)
    before = bag_of_words.weights_of(model)
    update(optimizer, variables, [np.zeros(v.shape, "float32") for v in variables])
    for path, found in bag_of_words.weights_of(model).items():
        kept = 0.95 if path in DECAYED else 1.0
        np.testing.assert_allclose(found, kept * before[path], rtol=1e-6, err_msg=path)
