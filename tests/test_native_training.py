"""Operations in C++ compute what the layers' plain operations compute."""

import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from bert_cpu.layers.compiled.add_and_norm import add_and_norm
from bert_cpu.layers.compiled.drop import keep_mask
from bert_cpu.layers.native.add_and_norm import native_add_and_norm
from bert_cpu.layers.native.affine import native_affine
from bert_cpu.layers.native.attention import native_attention
from bert_cpu.layers.native.gelu import native_gelu
from bert_cpu.layers.native.operations import training_operations

pytestmark = pytest.mark.skipif(
    training_operations() is None, reason="no operations in C++ here"
)
SEED = tf.constant([7, -9])
MASKED = -1e9


def normal(*shape, seed=0, scale=1.0):
    values = np.random.default_rng(seed).normal(size=shape) * scale
    return tf.cast(tf.constant(values, tf.float32), tf.bfloat16)


def wide(tensor):
    return tf.cast(tensor, tf.float64).numpy()


def with_gradients(function, upstream, *inputs):
    """Its value, and the gradient of each input."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = function(*inputs)
    return [output, *tape.gradient(output, inputs, upstream)]


def assert_close(ours, exact, tolerance):
    """`tolerance` is a share of the largest number there."""
    assert ours.shape == exact.shape
    largest = np.abs(exact).max()
    np.testing.assert_allclose(wide(ours), exact, rtol=0, atol=tolerance * largest)


@pytest.mark.parametrize("shape", [(1,), (16,), (7, 33), (2, 3, 48), (0, 16)])
def test_gelu_and_its_gradient(shape):
    x, upstream = normal(*shape, scale=3), normal(*shape, seed=1)
    ours, to_x = with_gradients(native_gelu, upstream, x)
    share = scipy.special.ndtr(wide(x))
    density = np.exp(-(wide(x) ** 2) / 2) / math.sqrt(2 * math.pi)
    # bfloat16 is within a 512th of what it rounds.
    np.testing.assert_allclose(wide(ours), wide(x) * share, rtol=1 / 256, atol=1e-4)
    slope = share + wide(x) * density
    np.testing.assert_allclose(
        wide(to_x), wide(upstream) * slope, rtol=1 / 256, atol=1e-4
    )


def test_gelu_far_from_0_is_the_number_or_nothing():
    x = tf.constant([-3e38, -50, -6, 6, 50, 3e38], tf.bfloat16)
    ours, slope = with_gradients(native_gelu, tf.ones_like(x), x)
    np.testing.assert_allclose(wide(ours)[1:5], [0, 0, 6, 50], atol=2e-5)
    np.testing.assert_allclose(wide(ours)[5], wide(x)[5])
    np.testing.assert_allclose(wide(slope), [0, 0, 0, 1, 1, 1], atol=1e-5)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("shape", [(1, 16), (3, 5, 48)])
def test_add_and_norm_is_what_xla_compiles_with_the_same_choices(rate, shape):
    inputs = (
        *(normal(*shape, seed=seed) for seed in (0, 1)),
        tf.cast(1 + 0.3 * normal(shape[-1], seed=3), tf.float32),
        tf.cast(normal(shape[-1], seed=4), tf.float32),
    )
    results = [
        with_gradients(
            lambda *given, norm=norm: norm(*given, 1e-12, rate, SEED),
            normal(*shape, seed=2),
            *inputs,
        )
        for norm in (native_add_and_norm, add_and_norm)
    ]
    for ours, theirs in zip(*results, strict=True):
        assert ours.dtype == theirs.dtype
        # One step of bfloat16, where float32 sums end in another order.
        assert_close(ours, wide(theirs), 1 / 256)
        assert np.count_nonzero(wide(ours) != wide(theirs)) <= 0.02 * ours.shape[0] * 48


@pytest.mark.parametrize(
    ("rows", "inputs", "outputs"),
    # One row and an odd number of them; panels that are full, and of 1 to 3 registers.
    [(1, 16, 16), (7, 64, 112), (33, 48, 96), (130, 400, 80), (0, 16, 32)],
)
def test_affine_and_its_gradients(rows, inputs, outputs):
    given = (normal(rows, inputs), normal(inputs, outputs, seed=1), normal(outputs))
    upstream = normal(rows, outputs, seed=2)
    ours = with_gradients(native_affine, upstream, *given)
    x, kernel, bias = map(wide, given)
    exact = (
        x @ kernel + bias,
        wide(upstream) @ kernel.T,
        x.T @ wide(upstream),
        wide(upstream).sum(axis=0),
    )
    for mine, other in zip(ours, exact, strict=True):
        assert mine.shape == other.shape
        if other.size:
            # Rounded once, at the end.
            np.testing.assert_allclose(
                wide(mine), other, rtol=1 / 256, atol=1e-5 * np.abs(other).max()
            )


def plain_attention(projected, blocked, num_heads, scale, rate):
    """Longhand, in float64, from what was rounded to bfloat16."""
    batch, length = blocked.shape
    shape = (batch, length, 3, num_heads, -1)
    query, key, value = tf.unstack(
        tf.transpose(tf.reshape(projected, shape), (2, 0, 3, 1, 4)), num=3
    )
    scores = tf.matmul(query, key, transpose_b=True) * scale
    weights = tf.nn.softmax(scores + tf.cast(blocked, tf.float64)[:, None, None])
    kept = tf.cast(keep_mask(tf.shape(weights), rate, SEED), tf.float64)
    context = tf.matmul(weights * kept / (1 - rate), value)
    return tf.reshape(tf.transpose(context, (0, 2, 1, 3)), (batch * length, -1))


@pytest.mark.parametrize("rate", [0.0, 0.1])
@pytest.mark.parametrize(
    ("batch", "length", "heads", "size"),
    [
        (3, 13, 2, 32),
        (2, 12, 1, 16),
        (2, 40, 3, 64),
        (1, 130, 2, 48),
        (2, 1, 2, 16),
        (1, 515, 1, 80),
    ],
)
def test_attention_and_its_gradient(batch, length, heads, size, rate):
    projected = normal(batch * length, 3 * heads * size)
    upstream = normal(batch * length, heads * size, seed=1)
    blocked = np.zeros((batch, length), np.float32)
    blocked[0, length // 2 + 1 :] = MASKED
    scale = 1 / math.sqrt(size)
    ours = with_gradients(
        lambda x: native_attention(x, tf.constant(blocked), heads, scale, rate, SEED),
        upstream,
        projected,
    )
    exact = with_gradients(
        lambda x: plain_attention(x, blocked, heads, scale, rate),
        tf.cast(upstream, tf.float64),
        tf.cast(projected, tf.float64),
    )
    assert {each.dtype for each in ours} == {tf.bfloat16}
    # Weights are rounded once, as they are before TensorFlow's products.
    assert_close(ours[0], exact[0].numpy(), 0.006)
    parts = (np.split(each, 3, axis=1) for each in (ours[1].numpy(), exact[1].numpy()))
    for mine, other in zip(*parts, strict=True):
        if length == 1:  # One key has all the weight, whatever its score.
            assert np.abs(mine.astype(np.float64) - other).max() <= 0.02
        else:
            assert_close(tf.constant(mine), other, 0.01)


def test_keys_that_are_blocked_weigh_nothing():
    blocked = tf.constant([[0.0] * 5 + [MASKED] * 15])
    projected = normal(20, 3 * 32).numpy()
    changed = projected.copy()
    changed[5:, 32:64] = 1e3  # Keys.
    changed[5:, 64:] = 1e30  # Values.
    results = [
        wide(native_attention(tf.constant(x), blocked, 2, 0.25, 0.1, SEED))
        for x in (projected, changed)
    ]
    np.testing.assert_array_equal(*results)


def test_where_all_keys_are_blocked_all_weigh_the_same():
    projected = normal(7, 3 * 16)
    blocked = tf.fill([1, 7], MASKED)
    context, to_projected = with_gradients(
        lambda x: native_attention(x, blocked, 1, 0.25, 0.0, SEED),
        tf.ones((7, 16), tf.bfloat16),
        projected,
    )
    mean = wide(projected)[:, 32:].mean(axis=0)
    assert_close(context, np.tile(mean, (7, 1)), 0.01)
    assert_close(to_projected[:, 32:], np.ones((7, 16)), 0.01)


def test_an_empty_batch_is_an_empty_result():
    context = native_attention(
        tf.zeros((0, 96), tf.bfloat16), tf.zeros((0, 5)), 2, 1.0, 0.1, SEED
    )
    assert context.shape == (0, 32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"projected": normal(11, 96)}, "projected is not"),
        ({"heads": 5}, "heads do not divide"),
        ({"heads": 4}, "a head's size is no multiple of 16"),
        ({"heads": 0}, "heads do not divide"),
        ({"seed": tf.constant([1])}, "a seed is two numbers"),
        ({"rate": 1.0}, "rate is not in"),
        ({"rate": math.nan}, "rate is not in"),
        ({"blocked": tf.zeros((3, 2, 2))}, "blocked is not"),
    ],
)
def test_wrong_inputs_of_attention_are_told(changes, message):
    given = {
        "projected": normal(12, 96),
        "blocked": tf.zeros((3, 4)),
        "seed": SEED,
        "heads": 2,
        "scale": 1.0,
        "rate": 0.1,
    }
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        training_operations().bert_cpu_attention(**given | changes)


def test_wrong_inputs_of_the_other_operations_are_told():
    operations = training_operations()
    wrong = pytest.raises(
        tf.errors.InvalidArgumentError, match="differ|multiple|each|matrix|upstream"
    )
    norm = {"seed": SEED, "rate": 0.1, "epsilon": 1e-12}
    with wrong:
        operations.bert_cpu_gelu_gradient(x=normal(3, 4), upstream=normal(4, 4))
    for x, kernel, bias in (
        (normal(2, 16), normal(32, 16), normal(16)),
        (normal(2, 24), normal(24, 16), normal(16)),
        (normal(2, 16), normal(16, 24), normal(24)),
        (normal(2, 16), normal(16, 16), normal(32)),
        (normal(2, 3, 16), normal(16, 16), normal(16)),
    ):
        with wrong:
            operations.bert_cpu_affine(x=x, kernel=kernel, bias=bias)
    with wrong:
        operations.bert_cpu_affine_gradient(
            x=normal(2, 16), kernel=normal(16, 16), upstream=normal(3, 16)
        )
    for rows, columns, gamma in ((3, 32, 32), (2, 24, 24), (2, 32, 16)):
        with wrong:
            operations.bert_cpu_add_and_norm(
                x=normal(2, columns),
                change=normal(rows, columns),
                gamma=tf.ones(gamma),
                beta=tf.ones(gamma),
                **norm,
            )
    for rows, deviations, gamma in ((3, 2, 32), (2, 3, 32), (2, 2, 16)):
        with wrong:
            operations.bert_cpu_add_and_norm_gradient(
                normed=normal(2, 32),
                deviation=tf.ones(deviations),
                upstream=normal(rows, 32),
                gamma=tf.ones(gamma),
                seed=SEED,
                rate=0.1,
            )


@pytest.mark.parametrize("content", [b"", b"no library", b"\x7fELF broken"])
def test_a_damaged_library_is_left_out(monkeypatch, tmp_path, content):
    library = tmp_path / "_training.so"
    library.write_bytes(content)
    monkeypatch.setattr(
        "bert_cpu.layers.native.operations.training_library", lambda: library
    )
    # Not the cached one.
    assert training_operations.__wrapped__() is None


def test_they_can_be_switched_off():
    code = (
        "from bert_cpu.layers.native.operations import training_operations\n"
        "assert training_operations() is None"
    )
    environment = {"BERT_CPU_KERNEL": "0", "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
