"""Masks: whole words, the share that was asked for, and never a special token."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_cpu.data.pretraining.masks import draw_masks, most_predictions, put_tokens

CLS, SEP, MASK = 2, 3, 4
ORDINARY = np.arange(15, 1000, dtype=np.int32)


def batch_of(num_rows, length, lengths=None, seed=0, mean_word=1.6):
    """Random rows, padded, with a [SEP] in the middle and one at the end."""
    random = np.random.default_rng(seed)
    lengths = np.full(num_rows, length) if lengths is None else np.array(lengths)
    ids = random.choice(ORDINARY, (num_rows, length))
    starts = (random.random((num_rows, length)) < 1 / mean_word).astype(np.int32)
    ids[:, 0] = CLS
    ids[np.arange(num_rows), lengths // 2] = SEP
    ids[np.arange(num_rows), lengths - 1] = SEP
    ids[np.arange(length) >= lengths[:, None]] = 0
    return ids.astype(np.int32), starts


def draw(ids, starts, seed=(0, 0), share=0.15, max_predictions=None):
    if max_predictions is None:
        max_predictions = most_predictions(ids.shape[1], share)
    masked = draw_masks(
        tf.constant(ids),
        tf.constant(starts),
        tf.constant(ids >= 5),
        tf.constant(seed, tf.int64),
        share,
        max_predictions,
        MASK,
        tf.constant(ORDINARY),
    )
    return {name: values.numpy() for name, values in masked.items()}


def words_of(ids, starts):
    """Longhand: lists of the positions of each word of one row."""
    words, goes_on = [], False
    for position, (token, start) in enumerate(zip(ids, starts, strict=True)):
        if token < 5:
            goes_on = False
        elif start or not goes_on:
            words.append([position])
            goes_on = True
        else:
            words[-1].append(position)
    return words


def chosen_of(masked):
    """For each row, the positions to guess."""
    return [
        positions[weights > 0].tolist()
        for positions, weights in zip(
            masked["masked_positions"], masked["masked_weights"], strict=True
        )
    ]


ROWS = st.tuples(st.integers(1, 6), st.integers(4, 40), st.integers(0, 99))
SHARES = st.sampled_from([0.05, 0.15, 0.3, 0.8])


# TensorFlow traces small operations anew for every shape.
@settings(max_examples=25)
@given(ROWS, SHARES, st.floats(1, 6))
def test_words_are_masked_whole_within_bounds(rows, share, mean_word):
    num_rows, length, seed = rows
    random = np.random.default_rng(seed)
    lengths = random.integers(4, length, num_rows, endpoint=True)
    ids, starts = batch_of(num_rows, length, lengths, seed, mean_word)
    max_predictions = most_predictions(length, share)
    masked = draw(ids, starts, (seed, 0), share)
    assert masked["masked_positions"].shape == (num_rows, max_predictions)
    for row, chosen in enumerate(chosen_of(masked)):
        words = words_of(ids[row], starts[row])
        assert chosen == sorted(set(chosen))
        picked = [word for word in words if set(word) & set(chosen)]
        assert sorted(position for word in picked for position in word) == chosen
        # The last word that was taken reaches half of itself over the share.
        num_maskable = sum(map(len, words))
        over = len(chosen) - share * num_maskable
        assert len(picked) <= 1 or over <= max(map(len, picked)) / 2 + 1e-3
        if any(len(word) <= max_predictions for word in words):
            assert chosen
        # Where no word was too long, no other that is left would be within.
        if all(len(word) <= max_predictions for word in words):
            room = min(share * num_maskable + 0.5, max_predictions)
            longest = max((len(word) for word in words), default=0)
            assert len(chosen) > room - longest or len(chosen) == num_maskable


@settings(max_examples=25)
@given(ROWS, SHARES)
def test_taking_masks_off_gives_back_what_was_there(rows, share):
    num_rows, length, seed = rows
    ids, starts = batch_of(num_rows, length, seed=seed)
    masked = draw(ids, starts, (seed, 1), share)
    shown = np.take_along_axis(masked["input_ids"], masked["masked_positions"], axis=1)
    hidden = np.where(masked["masked_weights"] > 0, masked["masked_ids"], shown)
    restored = put_tokens(masked["input_ids"], masked["masked_positions"], hidden)
    np.testing.assert_array_equal(restored, ids)


def test_what_is_not_to_guess_is_not_changed_and_padding_is_zero():
    ids, starts = batch_of(64, 40, lengths=[20] * 64)
    masked = draw(ids, starts)
    unused = masked["masked_weights"] == 0
    assert unused.any()
    assert not masked["masked_positions"][unused].any()
    assert not masked["masked_ids"][unused].any()
    for row, chosen in enumerate(chosen_of(masked)):
        others = np.setdiff1d(np.arange(40), chosen)
        np.testing.assert_array_equal(
            masked["input_ids"][row, others], ids[row, others]
        )
        np.testing.assert_array_equal(
            masked["masked_ids"][row, : len(chosen)], ids[row, chosen]
        )


@pytest.mark.parametrize("share, mean_word", [(0.15, 1), (0.15, 2.5), (0.3, 1.5)])
def test_the_share_is_what_was_asked_for(share, mean_word):
    ids, starts = batch_of(2000, 64, mean_word=mean_word)
    # Room, so that the bound takes nothing from the mean.
    masked = draw(ids, starts, share=share, max_predictions=40)
    actual = masked["masked_weights"].sum() / (ids >= 5).sum()
    assert actual == pytest.approx(share, rel=0.02)


def test_eight_in_ten_become_mask_one_another_and_one_stays():
    ids, starts = batch_of(4000, 64)
    masked = draw(ids, starts)
    weights = masked["masked_weights"] > 0
    shown = np.take_along_axis(masked["input_ids"], masked["masked_positions"], axis=1)
    shown, hidden = shown[weights], masked["masked_ids"][weights]
    assert len(shown) > 30_000  # Deviations of a share are under 0.0025.
    assert np.mean(shown == MASK) == pytest.approx(0.8, abs=0.01)
    assert np.mean(shown == hidden) == pytest.approx(0.1, abs=0.01)
    replaced = shown[(shown != MASK) & (shown != hidden)]
    assert len(replaced) / len(shown) == pytest.approx(0.1, abs=0.01)
    # Evenly over all ordinary tokens, and none else.
    assert replaced.min() >= 15
    assert replaced.mean() == pytest.approx(ORDINARY.mean(), rel=0.03)
    assert len(np.unique(replaced)) > 900


def test_every_position_has_its_turn():
    # Words of one to five tokens: none is too long for the five places.
    ids, starts = batch_of(1, 32)
    starts[:, ::5] = 1
    masked = draw(np.repeat(ids, 300, axis=0), np.repeat(starts, 300, axis=0))
    seen = {position for chosen in chosen_of(masked) for position in chosen}
    assert seen == {position for position in range(32) if ids[0, position] >= 5}


def test_a_seed_fixes_masks_and_another_changes_them():
    ids, starts = batch_of(8, 64)
    first, again, other = (draw(ids, starts, seed) for seed in ((1, 2), (1, 2), (1, 3)))
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])
    assert (first["masked_positions"] != other["masked_positions"]).any()


def test_a_row_of_one_long_word_has_nothing_to_guess():
    ids, starts = batch_of(2, 40)
    starts[0] = 0
    chosen = chosen_of(draw(ids, starts, max_predictions=6))
    assert chosen[0] == []
    assert chosen[1]


def test_it_runs_in_a_graph_of_unknown_size():
    ids, starts = batch_of(5, 32)
    dataset = tf.data.Dataset.from_tensors((ids, starts)).unbatch().batch(5)
    mapped = dataset.map(
        lambda i, s: draw_masks(i, s, i >= 5, [7, 8], 0.15, 5, MASK, ORDINARY)
    )
    expected = draw(ids, starts, (7, 8))
    for name, values in next(iter(mapped)).items():
        np.testing.assert_array_equal(values, expected[name])


@pytest.mark.parametrize(
    "length, share, expected",
    [(128, 0.15, 20), (512, 0.15, 77), (20, 0.15, 3), (4, 0.15, 1), (100, 0.3, 30)],
)
def test_the_original_numbers_of_predictions(length, share, expected):
    assert most_predictions(length, share) == expected
