"""The loss over a batch of pairs, next to longhand NumPy."""

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.tasks.embed import Embed


def random_outputs(count, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(2, count, 6))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    first, second = vectors.astype("float32")
    return {"vector": tf.constant(first), "pair_vector": tf.constant(second)}


def longhand_losses(first, second, keys, is_real):
    """Of each real row; `keys` are the texts of each pair."""
    losses = np.zeros(len(keys))
    scores = 20 * np.float64(first) @ np.float64(second).T
    for i in np.flatnonzero(is_real):
        others = [
            j
            for j in np.flatnonzero(is_real)
            if j != i and keys[i][0] != keys[j][0] and keys[i][1] != keys[j][1]
        ]
        choices = np.exp(scores[i, [i, *others]])
        reverse = np.exp(scores[[i, *others], i])
        shares = choices[0] / choices.sum(), reverse[0] / reverse.sum()
        losses[i] = -np.mean(np.log(shares))
    return losses


def batch_of(keys, weight):
    """Texts are numbers: three words, behind padding that is a word as well."""
    columns = {}
    for name, side in (("attention", 0), ("pair", 1)):
        numbers = np.array([pair[side] for pair in keys])
        ids = np.stack([numbers // 4, numbers % 2, 0 * numbers], axis=1)
        # Some differ in length alone: their third word is padding's id.
        mask = np.stack([np.ones_like(ids[:, 0])] * 2 + [numbers // 2 % 2], axis=1)
        columns["input_ids" if side == 0 else "pair_ids"] = np.int32(ids)
        columns[f"{name}_mask"] = np.int32(mask)
    return columns | {"weight": np.float32(weight)}


def test_losses_are_longhands_without_shared_texts_and_filler_rows():
    # 5 and 7 are in two pairs, (1, 2) is there twice; 0 fills up.
    keys = [(1, 2), (3, 5), (4, 5), (7, 6), (7, 8), (1, 2), (9, 11), (0, 0), (0, 0)]
    weight = [1, 1, 1, 1, 1, 1, 1, 0, 0]
    outputs = random_outputs(len(keys))
    losses, counts = Embed().losses(batch_of(keys, weight), outputs, 0.0)
    expected = longhand_losses(*outputs.values(), keys, np.array(weight))
    assert (losses.shape, losses.dtype) == ((9,), "float32")
    np.testing.assert_allclose(losses * weight, expected, rtol=1e-5, atol=1e-6)
    assert np.isfinite(losses).all()
    np.testing.assert_array_equal(counts, np.ones(9))


@given(
    keys=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12
    ),
    seed=st.integers(0, 1000),
    num_filler=st.integers(0, 3),
)
def test_losses_of_any_batch_are_longhands(keys, seed, num_filler):
    is_real = np.array([1] * len(keys) + [0] * num_filler)
    keys = keys + [(0, 0)] * num_filler
    outputs = random_outputs(len(keys), seed)
    losses, _ = Embed().losses(batch_of(keys, is_real), outputs, 0.0)
    expected = longhand_losses(*outputs.values(), keys, is_real)
    np.testing.assert_allclose(losses * is_real, expected, rtol=1e-4, atol=1e-5)


def test_filler_rows_and_shared_texts_get_no_gradient():
    keys = [(1, 2), (3, 2), (4, 5), (0, 0)]
    outputs = random_outputs(4)
    batch = batch_of(keys, [1, 1, 1, 0])
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        losses, _ = Embed().losses(batch, outputs, 0.0)
        # What the first pair has to learn.
        loss = losses[0] * batch["weight"][0]
    gradients = tape.gradient(loss, outputs)
    for gradient in gradients.values():
        is_moved = np.abs(gradient).max(axis=1) > 1e-6
        assert is_moved.tolist() == [True, False, True, False]


def test_a_pair_alone_has_nothing_to_learn():
    losses, counts = Embed().losses(batch_of([(1, 2)], [1]), random_outputs(1), 0.0)
    np.testing.assert_allclose(losses, [0], atol=1e-6)
    np.testing.assert_array_equal(counts, [1])
