"""Each layer computes what Keras, SciPy or a few lines of NumPy compute."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from bert_cpu.layers.attention import SelfAttention
from bert_cpu.layers.dropout import Dropout, random_bytes
from bert_cpu.layers.embeddings import Embeddings
from bert_cpu.layers.encoder_block import EncoderBlock
from bert_cpu.layers.feed_forward import FeedForward
from bert_cpu.layers.gelu import gelu, gelu_tanh
from bert_cpu.layers.word_dropout import WordDropout

BATCH, LENGTH, HEADS, HIDDEN = 3, 7, 4, 24
# Two orders of the same float32 sums.
TOLERANCE = {"rtol": 0, "atol": 1e-5}


def normal(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def mask_of(*lengths):
    """int `(batch, length)`, 1 at the first tokens of each sequence."""
    return np.int32(np.arange(LENGTH) < np.array(lengths)[:, None])


def randomized(layer, *shapes, seed=1):
    """Builds a layer, with no weight left at zero or one."""
    layer.build(*shapes)
    random = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        variable.assign(random.normal(0, 0.3, variable.shape))
    return layer


def twins(**arguments):
    """The layer and its parent, with the same weights."""
    shape = (None, LENGTH, HIDDEN)
    arguments = {"num_heads": HEADS, "key_dim": HIDDEN // HEADS} | arguments
    ours = randomized(SelfAttention(**arguments), shape, shape)
    theirs = keras.layers.MultiHeadAttention(**arguments)
    theirs.build(shape, shape)
    theirs.set_weights([weight.numpy() for weight in ours.trainable_variables])
    return ours, theirs


@pytest.fixture
def without_parent(monkeypatch):
    """Fails if the parent computes: then a test would compare it with itself."""

    def refuse(*_, **__):
        raise AssertionError("the parent was asked")

    monkeypatch.setattr(SelfAttention, "_compute_attention", refuse)


MASKS = {
    "no mask": None,
    "padding": mask_of(7, 4, 1)[:, None, :],
    "padding as bool": mask_of(7, 4, 1)[:, None, :] == 1,
    "a mask for each query": np.tri(LENGTH, dtype="int32")[None].repeat(BATCH, 0),
}


@pytest.mark.parametrize("mask", MASKS)
def test_attention_and_its_gradients_are_the_parents(mask, monkeypatch):
    ours, theirs = twins()
    x, upstream = normal(BATCH, LENGTH, HIDDEN), normal(BATCH, LENGTH, HIDDEN, seed=2)
    results = []
    for layer in (theirs, ours):
        if layer is ours:
            monkeypatch.setattr(SelfAttention, "_compute_attention", None)
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = layer(x, x, attention_mask=MASKS[mask])
        sources = [x, *(weight.value for weight in layer.trainable_variables)]
        results.append([output, *tape.gradient(output, sources, upstream)])
    names = ["output", "x", *(weight.path for weight in ours.trainable_variables)]
    for name, expected, actual in zip(names, *results, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=5e-5, err_msg=name)


def test_a_masked_token_has_no_influence(without_parent):
    ours, _ = twins()
    x, mask = normal(BATCH, LENGTH, HIDDEN), mask_of(7, 4, 1)
    changed = tf.where(mask[:, :, None] == 1, x, 100.0)
    before, after = (
        ours(each, each, attention_mask=mask[:, None, :]).numpy()[mask == 1]
        for each in (x, changed)
    )
    np.testing.assert_allclose(after, before, **TOLERANCE)


def test_a_sequence_that_is_all_masked_is_even_and_finite(without_parent):
    ours, _ = twins()
    x = normal(BATCH, LENGTH, HIDDEN)
    masked = ours(x, x, attention_mask=np.zeros((BATCH, 1, LENGTH)))
    value = np.einsum("bth,hnd->btnd", x, ours.value_dense.kernel.numpy())
    mean = (value + ours.value_dense.bias.numpy()).mean(axis=1)
    kernel, bias = (weight.numpy() for weight in ours.output_dense.weights)
    expected = np.einsum("bnd,ndh->bh", mean, kernel) + bias
    np.testing.assert_allclose(
        masked, np.repeat(expected[:, None], LENGTH, 1), **TOLERANCE
    )


def test_attention_sees_any_length_in_a_graph(without_parent):
    ours, theirs = twins()
    spec = tf.TensorSpec((None, None, HIDDEN))
    in_graph = tf.function(lambda x: ours(x, x), input_signature=[spec])
    for batch, length in ((1, 1), (2, 5), (5, 2)):
        x = normal(batch, length, HIDDEN)
        np.testing.assert_allclose(in_graph(x), theirs(x, x), **TOLERANCE)


X, Y = normal(BATCH, LENGTH, HIDDEN), normal(BATCH, LENGTH, HIDDEN, seed=5)
FALLBACKS = {
    "cross attention": ({}, lambda layer: layer(X, Y)),
    "a key of its own": ({}, lambda layer: layer(X, X, key=Y)),
    "causal": ({}, lambda layer: layer(X, X, use_causal_mask=True)),
    "causal and masked": (
        {},
        lambda layer: layer(
            X,
            X,
            attention_mask=mask_of(7, 4, 1)[:, None, :],
            use_causal_mask=True,
        ),
    ),
    "scores": ({}, lambda layer: layer(X, X, return_attention_scores=True)[1]),
    "the value's mask": ({}, lambda layer: layer(X, X, value_mask=mask_of(7, 4, 1))),
    # As many queries as heads, so that a wrong axis would fit too.
    "a mask for the whole batch": (
        {"num_heads": LENGTH, "key_dim": 2},
        lambda layer: layer(X, X, attention_mask=np.tri(LENGTH)),
    ),
    "a mask for each head": (
        {},
        lambda layer: layer(
            X, X, attention_mask=np.tri(LENGTH)[None, None].repeat(HEADS, 1)
        ),
    ),
    "no bias": ({"use_bias": False}, lambda layer: layer(X, X)),
    "values of another size": ({"value_dim": 5}, lambda layer: layer(X, X)),
    "another output size": ({"output_shape": 9}, lambda layer: layer(X, X)),
    "two output sizes": ({"output_shape": (3, 2)}, lambda layer: layer(X, X)),
    "a window": ({"sliding_window": 2}, lambda layer: layer(X, X)),
    "a gate": ({"use_gate": True}, lambda layer: layer(X, X)),
}


@pytest.mark.parametrize("case", FALLBACKS)
def test_every_other_call_is_the_parents(case):
    arguments, call = FALLBACKS[case]
    ours, theirs = twins(**arguments)
    np.testing.assert_allclose(call(ours), call(theirs), **TOLERANCE)


def test_attention_over_pictures_is_the_parents():
    x = normal(2, 3, 5, HIDDEN)
    theirs = keras.layers.MultiHeadAttention(HEADS, 6)
    ours = randomized(SelfAttention(HEADS, 6), x.shape, x.shape)
    theirs.build(x.shape, x.shape)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x, x), theirs(x, x), **TOLERANCE)


def test_the_mask_that_an_embedding_gives_is_heeded():
    table = keras.layers.Embedding(10, HIDDEN, mask_zero=True)
    ours, theirs = twins()
    ids = np.int32([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]])
    outputs = []
    for layer in (ours, theirs):
        x = table(ids)  # Its mask is gone after one use.
        outputs.append(layer(x, x).numpy())
    np.testing.assert_allclose(*outputs, **TOLERANCE)
    short = table(ids[1:, :2])
    np.testing.assert_allclose(outputs[0][1, :2], theirs(short, short)[0], **TOLERANCE)


def test_attention_drops_only_in_training_and_by_its_seed():
    x = normal(BATCH, LENGTH, HIDDEN)
    (ours, theirs), (again, _) = (twins(dropout=0.5, seed=3) for _ in range(2))
    trained = ours(x, x, training=True)
    np.testing.assert_array_equal(again(x, x, training=True), trained)
    assert np.abs(ours(x, x, training=True) - trained).max() > 0.01
    np.testing.assert_allclose(ours(x, x), theirs(x, x), **TOLERANCE)


def test_attention_in_training_is_right_on_the_mean():
    ours, theirs = twins(dropout=0.25, seed=1)
    x = normal(1, LENGTH, HIDDEN)
    many = tf.repeat(x, 4000, axis=0)
    mean = tf.reduce_mean(ours(many, many, training=True), 0)
    spread = tf.math.reduce_std(ours(many, many, training=True), 0)
    # The standard error of 4,000 draws, five times.
    assert np.all(np.abs(mean - theirs(x, x)[0]) < 5 * spread / np.sqrt(4000))


def test_attention_is_rebuilt_from_its_config():
    ours, _ = twins(dropout=0.1, seed=4)
    again = SelfAttention.from_config(ours.get_config())
    assert again.get_config() == ours.get_config()
    assert (again.num_heads, again.key_dim, again.dropout) == (HEADS, 6, 0.1)


# Dropout


@pytest.mark.parametrize(
    "rate, cases", [(0.1, 26), (0.5, 128), (1 / 256, 1), (0.999, 255)]
)
def test_dropout_zeroes_its_rate_rounded_to_a_256th(rate, cases):
    share, count = cases / 256, 400_000
    dropped = Dropout(rate, seed=0)(tf.ones(count), training=True).numpy()
    error = np.sqrt(share * (1 - share) / count)
    assert abs(np.mean(dropped == 0) - share) < 5 * error
    # What is kept is scaled by the share that is really kept.
    np.testing.assert_allclose(dropped[dropped > 0], 1 / (1 - share), rtol=1e-6)
    assert abs(dropped.mean() - 1) < 5 * error / (1 - share)


@pytest.mark.parametrize("rate, training", [(0.3, False), (0.0, True), (0.001, True)])
def test_dropout_returns_its_input_where_nothing_is_to_drop(rate, training):
    x = normal(BATCH, LENGTH)
    assert Dropout(rate)(x, training=training) is x


def test_dropout_draws_by_its_seed_and_anew_in_each_call():
    x = tf.ones((50, 7))
    one, same, other = Dropout(0.5, seed=1), Dropout(0.5, seed=1), Dropout(0.5, seed=2)
    first, second = (one(x, training=True).numpy() for _ in range(2))
    np.testing.assert_array_equal(same(x, training=True), first)
    assert np.mean(first == second) == pytest.approx(0.5, abs=0.15)
    assert np.mean(first == other(x, training=True)) == pytest.approx(0.5, abs=0.15)


def test_a_rate_too_low_for_bytes_still_draws_new_seeds():
    dropout = Dropout(0.001, seed=3)
    first, second = (dropout.draw_seed().numpy().tolist() for _ in range(2))
    assert first != second


def test_dropout_without_seed_follows_the_global_one():
    masks = []
    for _ in range(2):
        keras.utils.set_random_seed(11)
        masks.append(Dropout(0.5)(tf.ones(99), training=True).numpy())
    np.testing.assert_array_equal(*masks)


def test_dropout_goes_on_from_the_state_in_its_variable():
    layer, x = Dropout(0.5, seed=1), tf.ones(99)
    layer(x, training=True)
    (state,) = layer.variables
    assert not state.trainable
    saved = state.numpy()
    expected = layer(x, training=True).numpy()
    restored = Dropout(0.5, seed=5)
    restored.variables[0].assign(saved)
    np.testing.assert_array_equal(restored(x, training=True), expected)


def test_dropout_draws_anew_in_each_step_of_a_graph():
    layer = Dropout(0.5, seed=1)
    step = tf.function(lambda x: layer(x, training=True))
    first, second = (step(tf.ones(99)).numpy() for _ in range(2))
    assert (first != second).any()


def test_the_gradient_passes_where_the_value_passed():
    layer, x = Dropout(0.4, seed=1), normal(200)
    with tf.GradientTape() as tape:
        tape.watch(x)
        dropped = layer(x, training=True)
    np.testing.assert_allclose(tape.gradient(dropped, x), dropped / x, rtol=1e-6)


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5])
def test_dropout_refuses_what_is_no_share(rate):
    with pytest.raises(ValueError, match=rf"`rate` is {rate}, but must be a share"):
        Dropout(rate)


@pytest.mark.parametrize("shape", [(0,), (1,), (5,), (3, 7, 11), (64, 1024)])
def test_random_bytes_have_any_shape_and_every_value_alike(shape):
    drawn = random_bytes(tf.constant(shape), tf.constant([1, 2])).numpy()
    assert (drawn.shape, drawn.dtype) == (shape, np.uint8)
    if drawn.size > 10_000:
        counts = np.bincount(drawn.ravel(), minlength=256)
        assert scipy.stats.chisquare(counts).pvalue > 1e-4


# GELU


@pytest.mark.parametrize("dtype, atol", [("float32", 1e-6), ("bfloat16", 0.03)])
def test_gelu_and_its_gradient_are_scipys(dtype, atol):
    x = np.linspace(-6, 6, 401)
    below = scipy.stats.norm.cdf(x)
    tensor = tf.cast(x, dtype)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = gelu(tensor)
    slope = tape.gradient(
        y, tensor, output_gradients=tf.fill(x.shape, y.dtype.as_numpy_dtype(3))
    )
    assert y.dtype == slope.dtype == dtype
    y, slope = tf.cast(y, "float32"), tf.cast(slope, "float32")
    np.testing.assert_allclose(y, x * below, rtol=atol, atol=atol)
    expected = 3 * (below + x * scipy.stats.norm.pdf(x))
    np.testing.assert_allclose(slope, expected, rtol=atol, atol=3 * atol)


def test_gelu_is_kerass():
    x = normal(1000) * 3
    expected = keras.activations.gelu(x, approximate=False)
    np.testing.assert_allclose(gelu(x), expected, **TOLERANCE)


def test_gelu_tanh_is_the_approximation_and_not_gelu():
    x = normal(1000).numpy() * 3
    expected = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    np.testing.assert_allclose(gelu_tanh(x), expected, rtol=0, atol=2e-6)
    assert np.abs(gelu_tanh(x) - gelu(x)).max() > 1e-4


@pytest.mark.parametrize("function", [gelu, gelu_tanh])
def test_an_activation_is_found_again_by_its_name(function):
    name = keras.activations.serialize(function)
    assert keras.activations.get(name) is function


# Feed-forward, block and embeddings, in longhand


def layer_norm(x, gamma, beta, epsilon):
    x = x - x.mean(-1, keepdims=True)
    return gamma * x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) + beta


def feed_forward(x, widen, widen_bias, narrow, narrow_bias):
    wide = x @ widen + widen_bias
    return (wide * scipy.special.ndtr(wide)) @ narrow + narrow_bias


def test_feed_forward_widens_bends_and_narrows():
    layer = randomized(FeedForward(40), (None, None, HIDDEN))
    x = normal(BATCH, LENGTH, HIDDEN)
    expected = feed_forward(x.numpy(), *(w.numpy() for w in layer.trainable_variables))
    np.testing.assert_allclose(layer(x), expected, **TOLERANCE)


def block(dtype="float32", **arguments):
    arguments = {"num_heads": HEADS, "intermediate_size": 40} | arguments
    layer = EncoderBlock(**arguments, dtype=dtype)
    return randomized(layer, (None, None, HIDDEN))


def longhand_block(layer, x, mask, epsilon):
    w = [variable.numpy() for variable in layer.attention.trainable_variables]
    query, key, value = (
        np.einsum("bth,hnd->bntd", x, kernel) + bias[:, None]
        for kernel, bias in (w[0:2], w[2:4], w[4:6])
    )
    scores = np.einsum("bntd,bnsd->bnts", query, key) / np.sqrt(HIDDEN // HEADS)
    scores[~np.broadcast_to(mask[:, None, None] == 1, scores.shape)] = -np.inf
    context = np.einsum("bnts,bnsd->btnd", scipy.special.softmax(scores, -1), value)
    attended = np.einsum("btnd,ndh->bth", context, w[6]) + w[7]
    norm = [variable.numpy() for variable in layer.attention_norm.weights]
    x = layer_norm(x + attended, *norm, epsilon)
    w = [variable.numpy() for variable in layer.feed_forward.trainable_variables]
    norm = [variable.numpy() for variable in layer.output_norm.weights]
    return layer_norm(x + feed_forward(x, *w), *norm, epsilon)


@pytest.mark.parametrize("epsilon", [1e-12, 0.5])
def test_a_block_adds_and_norms_after_each_half(epsilon):
    layer = block(epsilon=epsilon)
    x, mask = normal(BATCH, LENGTH, HIDDEN), mask_of(7, 4, 2)
    expected = longhand_block(layer, x.numpy(), mask, epsilon)
    np.testing.assert_allclose(layer(x, mask), expected, rtol=0, atol=2e-5)


def test_a_block_for_the_first_token_gives_what_the_whole_one_gives_it():
    block = randomized(
        EncoderBlock(HEADS, 2 * HIDDEN), (None, LENGTH, HIDDEN), (None, LENGTH)
    )
    x, mask = tf.Variable(normal(BATCH, LENGTH, HIDDEN)), mask_of(LENGTH, 4, 1)
    watched = [x, *(weight.value for weight in block.trainable_variables)]
    results = []
    for first_only in (False, True):
        with tf.GradientTape() as tape:
            output = block(x, mask, first_only=first_only)
            loss = tf.reduce_sum(tf.square(output[:, 0]))
        results.append([output[:, 0], *tape.gradient(loss, watched)])
    assert output.shape == (BATCH, 1, HIDDEN)
    for whole, first in zip(*results, strict=True):
        np.testing.assert_allclose(first, whole, rtol=1e-5, atol=1e-5)


def test_a_block_in_bfloat16_stays_near_float32_and_keeps_its_weights_whole():
    x, mask = normal(BATCH, LENGTH, HIDDEN), mask_of(7, 4, 2)
    whole, half = block(), block("mixed_bfloat16")
    output = half(x, mask)
    assert output.dtype == "bfloat16"
    assert {weight.dtype for weight in half.trainable_variables} == {"float32"}
    # bfloat16 keeps 8 bits; the norms make outputs of about 1.
    difference = np.abs(tf.cast(output, "float32") - whole(x, mask))
    assert 1e-4 < difference.max() < 0.1


def test_a_block_in_bfloat16_computes_attention_itself(without_parent):
    block("mixed_bfloat16")(normal(BATCH, LENGTH, HIDDEN))


@pytest.mark.parametrize("dropout", ["dropout", "attention_dropout"])
def test_each_dropout_of_a_block_is_on_in_training_alone(dropout):
    x, mask = normal(BATCH, LENGTH, HIDDEN), mask_of(7, 4, 2)
    with_it, without = block(**{dropout: 0.5}), block()
    np.testing.assert_array_equal(with_it(x, mask), without(x, mask))
    trained = with_it(x, mask, training=True)
    assert np.abs(trained - without(x, mask, training=True)).max() > 0.1


def test_heads_that_do_not_divide_the_hidden_size_are_refused():
    with pytest.raises(ValueError, match=r"`num_heads=5` does not divide.*size 24"):
        EncoderBlock(5, 40).build((None, None, HIDDEN))


def embeddings(**arguments):
    arguments = {
        "vocab_size": 11,
        "max_length": LENGTH,
        "hidden_size": HIDDEN,
        "num_segments": 3,
    } | arguments
    return randomized(Embeddings(**arguments), (None, None), (None, None))


@pytest.mark.parametrize("epsilon", [1e-12, 0.5])
def test_embeddings_are_the_normed_sum_of_three_rows(epsilon):
    layer = embeddings(epsilon=epsilon)
    token, position, segment, *norm = (w.numpy() for w in layer.trainable_variables)
    ids = np.int32([[3, 10, 0, 3, 1], [0, 0, 5, 6, 7]])
    segments = np.int32([[0, 0, 1, 1, 2], [2, 1, 0, 0, 0]])
    summed = token[ids] + segment[segments] + position[:5]
    expected = layer_norm(summed, *norm, epsilon)
    np.testing.assert_allclose(layer(ids, segments), expected, **TOLERANCE)


def test_a_position_that_no_sequence_reached_has_no_gradient():
    layer, ids = embeddings(), np.int32([[3, 10, 0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(ids, ids % 3) ** 3)
    gradient = tape.gradient(loss, layer._position.embeddings.value).numpy()
    assert gradient[:3].any(axis=1).all()
    assert not gradient[3:].any()


def test_more_tokens_than_positions_are_refused_with_both_numbers():
    ids = np.zeros((1, LENGTH + 1), "int32")
    with pytest.raises(ValueError, match=r"has 8 tokens .*`max_length=7` positions"):
        embeddings()(ids, ids)


def test_embeddings_drop_in_training_alone():
    ids = np.ones((2, LENGTH), "int32")
    layer = embeddings(dropout=0.5)
    assert np.mean(layer(ids, ids, training=True) == 0) > 0.3
    assert np.all(layer(ids, ids) != 0)


@pytest.mark.parametrize(
    "layer",
    [
        Dropout(0.3, seed=5),
        FeedForward(40, activation=gelu_tanh),
        FeedForward(40, "relu", 0.5),
        WordDropout(0.3, 9, (0, 1), seed=5),
        EncoderBlock(4, 40, gelu_tanh, 0.1, 0.2, 1e-5, 0.5, name="block"),
        Embeddings(11, 7, HIDDEN, 3, 0.1, 1e-5, 0.5),
    ],
    ids=["dropout", "feed_forward", "relu", "word_dropout", "block", "embeddings"],
)
def test_a_layer_is_rebuilt_from_its_config(layer):
    config = layer.get_config()
    arguments = {key: value for key, value in vars(layer).items() if key in config}
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(again) is type(layer)
    assert again.get_config() == config
    for key, value in arguments.items():
        assert getattr(again, key) == value, key
