"""One update is the same however its examples are dealt out."""

import bag_of_words
import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_cpu.training.step import make_predict_step, make_train_step

LENGTHS = (9, 4, 7, 2, 9, 5, 1, 3, 8, 6, 9)
WEIGHTS = [0.5, 2.0, 1.0, 0.5, 2.0, 1.0, 0.25, 0.5, 3.0, 1.0, 0.0]
GOES_ON = tf.constant(0.0)


def numpy_losses(model, batch):
    """Cross-entropy of each example by hand, from the model's logits."""
    features = {name: batch[name] for name in ("input_ids", "token_type_ids")}
    outputs = model(features | {"attention_mask": batch["attention_mask"]})
    logits = outputs["logits"].numpy().astype("float64")
    label = batch["label"].numpy()
    return np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(label)), label]


def test_words_that_are_repeated_in_a_batch_are_summed_before_they_are_squared():
    model, twin = bag_of_words.build(), bag_of_words.build()
    step, _ = bag_of_words.make_step(model, clip_norm=1.0, weight_decay=0.1)
    theirs = keras.optimizers.AdamW(
        0.01, weight_decay=0.1, epsilon=1e-8, global_clipnorm=1.0
    )
    theirs.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    variables = {v.path: v for v in twin.trainable_variables}

    def dense_losses(batch):
        """The twin, with its tables' rows picked by products with one-hot rows."""
        words = tf.one_hot(batch["input_ids"], bag_of_words.NUM_WORDS)
        x = words @ variables["words/embeddings"].value
        kinds = tf.one_hot(batch["token_type_ids"], 2)
        x += kinds @ variables["kinds/embeddings"].value
        mask = tf.cast(batch["attention_mask"], tf.float32)[..., None]
        x = tf.reduce_sum(x * mask, axis=1) / tf.reduce_sum(mask, axis=1)
        logits = twin.get_layer("logits")(twin.get_layer("norm")(x))
        return bag_of_words.losses(batch, {"logits": logits})[0]

    for number in range(4):
        batch = bag_of_words.make_batch(LENGTHS, seed=number)
        assert int(tf.reduce_max(tf.math.bincount(batch["input_ids"][:, 0]))) > 1
        step(batch, True, GOES_ON)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(dense_losses(batch))
        gradients = tape.gradient(loss, list(variables.values()))
        assert all(isinstance(gradient, tf.Tensor) for gradient in gradients)
        theirs.apply(gradients, list(variables.values()))
    expected = bag_of_words.weights_of(twin)
    for path, found in bag_of_words.weights_of(model).items():
        np.testing.assert_allclose(found, expected[path], atol=1e-5, err_msg=path)


# With groups of three batches, the last one of an epoch may have two.
@pytest.mark.parametrize("sizes", [(4, 4, 3), (6, 5), (11,)])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["even", "weighted"])
def test_accumulated_batches_are_one_big_batch(sizes, weights):
    model, twin = bag_of_words.build(), bag_of_words.build()
    # An epsilon that keeps Adam from blowing up roundings of gradients near 0.
    options = {"clip_norm": 0.1, "epsilon": 1e-3}
    small, optimizer = bag_of_words.make_step(model, accumulate=3, **options)
    big, _ = bag_of_words.make_step(twin, **options)
    before = bag_of_words.weights_of(model)
    # Twice, so that what is left of one update would be seen in the next.
    for update in range(2):
        batch = bag_of_words.make_batch(LENGTHS, seed=update, weights=weights)
        start = 0
        for size in sizes:
            part = bag_of_words.rows_of(batch, start, start + size)
            start += size
            small(part, start == len(LENGTHS), GOES_ON)
        big(batch, True, GOES_ON)
        assert int(optimizer.iterations) == update + 1
    expected = bag_of_words.weights_of(twin)
    for path, found in bag_of_words.weights_of(model).items():
        assert np.abs(found - before[path]).max() > 1e-4, path
        np.testing.assert_allclose(found, expected[path], atol=1e-6, err_msg=path)


def test_nothing_changes_before_the_last_batch_of_an_update():
    model = bag_of_words.build()
    step, optimizer = bag_of_words.make_step(model, accumulate=3)
    before = bag_of_words.weights_of(model)
    for seed in range(2):
        step(bag_of_words.make_batch(LENGTHS, seed), False, GOES_ON)
    for path, found in bag_of_words.weights_of(model).items():
        np.testing.assert_array_equal(found, before[path])
    assert int(optimizer.iterations) == 0


def test_loss_is_the_weighted_mean_before_the_update():
    model = bag_of_words.build()
    step, _ = bag_of_words.make_step(model)
    for seed in range(2):
        batch = bag_of_words.make_batch(LENGTHS, seed, WEIGHTS)
        expected = np.average(numpy_losses(model, batch), weights=WEIGHTS)
        loss, _ = step(batch, True, GOES_ON)
        np.testing.assert_allclose(float(loss), expected, rtol=1e-6)
        after = np.average(numpy_losses(model, batch), weights=WEIGHTS)
        assert after < expected - 1e-3


def test_an_example_of_weight_zero_might_as_well_not_be_there():
    weights = [1.0] * 6 + [0.0] * 5
    model, twin = bag_of_words.build(), bag_of_words.build()
    batch = bag_of_words.make_batch(LENGTHS, 0, weights)
    step, _ = bag_of_words.make_step(model, epsilon=1e-3)
    expected_step, _ = bag_of_words.make_step(twin, epsilon=1e-3)
    loss, _ = step(batch, True, GOES_ON)
    expected, _ = expected_step(bag_of_words.rows_of(batch, 0, 6), True, GOES_ON)
    np.testing.assert_allclose(float(loss), float(expected), rtol=1e-6)
    weights = bag_of_words.weights_of(twin)
    for path, found in bag_of_words.weights_of(model).items():
        np.testing.assert_allclose(found, weights[path], atol=1e-6, err_msg=path)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_example_of_many_things_weighs_as_much_as_they_do(accumulate):
    """Its loss is their sum: as if each were an example of its own."""
    counts = np.float32([3, 1, 0, 2, 1, 1, 0, 0, 5, 1, 1])
    model, twin = bag_of_words.build(), bag_of_words.build()

    def losses_of_many(batch, outputs):
        losses, _ = bag_of_words.losses(batch, outputs)
        return losses * batch["count"], batch["count"]

    optimizer = bag_of_words.AdamW(0.01, epsilon=1e-3)
    step = make_train_step(
        model, losses_of_many, optimizer, tf.distribute.get_strategy(), accumulate
    )
    expected_step, _ = bag_of_words.make_step(twin, epsilon=1e-3)
    batch = bag_of_words.make_batch(LENGTHS)
    of_many = batch | {"count": tf.constant(counts)}
    if accumulate == 2:
        step(bag_of_words.rows_of(of_many, 0, 4), False, GOES_ON)
        of_many = bag_of_words.rows_of(of_many, 4, 11)
    loss, _ = step(of_many, True, GOES_ON)
    expected, _ = expected_step(
        {
            name: tf.repeat(value, counts.astype(int), 0)
            for name, value in batch.items()
        },
        True,
        GOES_ON,
    )
    if accumulate == 1:
        np.testing.assert_allclose(float(loss), float(expected), rtol=1e-6)
    weights = bag_of_words.weights_of(twin)
    for path, found in bag_of_words.weights_of(model).items():
        np.testing.assert_allclose(found, weights[path], atol=1e-6, err_msg=path)


def test_a_request_to_stop_comes_back_from_the_step():
    step, _ = bag_of_words.make_step(bag_of_words.build())
    batch = bag_of_words.make_batch(LENGTHS)
    answers = [float(step(batch, True, tf.constant(stop))[1]) for stop in (0.0, 1.0)]
    assert answers == [0, 1]


def test_each_step_draws_new_dropout():
    model = bag_of_words.build(dropout=0.5)
    # A rate of almost 0: only dropout can make the loss another one.
    step, _ = bag_of_words.make_step(model, bag_of_words.AdamW(1e-12))
    batch = bag_of_words.make_batch(LENGTHS)
    drawn = {float(step(batch, True, GOES_ON)[0]) for _ in range(4)}
    assert len(drawn) == 4


def test_predicting_is_the_model_without_dropout_at_any_length():
    model = bag_of_words.build(dropout=0.5)
    batches = [bag_of_words.make_batch(lengths) for lengths in (LENGTHS, (3, 12))]
    spec = {
        name: tf.TensorSpec([None] * value.shape.rank, value.dtype)
        for name, value in batches[0].items()
    }
    predict_step = make_predict_step(model, spec)
    for batch in batches:
        inputs = {name: batch[name] for name in model.input}
        np.testing.assert_allclose(
            predict_step(batch)["logits"],
            model(inputs, training=False)["logits"],
            atol=1e-6,
        )


@pytest.mark.parametrize("accumulate", [1, 2])
def test_gradients_are_summed_over_workers_in_packs(accumulate, monkeypatch):
    packs = []

    def all_reduce(self, reduce_op, value, options=None):
        if len(value) > 3:  # Beside gradients there are three numbers.
            packs.append(options.bytes_per_pack)
        return value

    monkeypatch.setattr(tf.distribute.ReplicaContext, "all_reduce", all_reduce)
    model = bag_of_words.build()
    step, _ = bag_of_words.make_step(model, accumulate=accumulate)
    step(bag_of_words.make_batch(LENGTHS, seed=0), True, GOES_ON)
    assert set(packs) == {4 << 20}
