"""Masks that are drawn hide what the text had, as often as BERT's did."""

import numpy as np
import tensorflow as tf
import tiny_words

from bert_cpu.tasks.draw_masks import draw_masks

MASK_ID = tiny_words.WORDS.index("[MASK]")


def batch(num_rows=400):
    """Rows of 2 + 20 tokens, 12 words, of which some pieces are hidden, and padding."""
    random = np.random.default_rng(0)
    words = np.repeat(np.arange(1, 13), [1, 2, 1, 3, 1, 2, 1, 2, 1, 3, 1, 2])
    words = np.int32([0, *words, 0, 0, 0])
    ids = random.integers(5, len(tiny_words.WORDS), (num_rows, len(words)))
    ids = np.where(words > 0, ids, np.int32([2, *[0] * 20, 3, 0, 0])).astype("int32")
    hidden = ids.copy()
    hidden[:, 2:4] = MASK_ID
    positions = np.int32([[2, 3, 0]] * num_rows)
    masked_ids = np.where(positions > 0, np.take_along_axis(ids, positions, 1), 0)
    return ids, {
        "input_ids": tf.constant(hidden),
        "masked_positions": tf.constant(positions),
        "masked_ids": tf.constant(masked_ids, tf.int32),
        "words": tf.constant(np.tile(words, (num_rows, 1))),
        "mask_id": tf.constant([MASK_ID] * num_rows, tf.int32),
        "weight": tf.ones([num_rows]),
    }


def drawn(seed=(1, 2)):
    ids, given = batch()
    draw = tf.function(draw_masks)
    result = {
        name: t.numpy() for name, t in draw(given, tf.constant(seed, tf.int64)).items()
    }
    real = result["masked_positions"] > 0
    return ids, {name: t.numpy() for name, t in given.items()}, result, real


def test_drawn_masks_say_what_the_text_had():
    ids, _, result, real = drawn()
    own = np.take_along_axis(ids, result["masked_positions"], axis=1)
    np.testing.assert_array_equal(result["masked_ids"], np.where(real, own, 0))
    elsewhere = np.ones(ids.shape, bool)
    for row, positions in enumerate(result["masked_positions"]):
        elsewhere[row, positions[positions > 0]] = False
    np.testing.assert_array_equal(result["input_ids"][elsewhere], ids[elsewhere])


def test_drawn_masks_are_of_whole_words_each_as_often():
    _, given, result, real = drawn()
    counts = np.zeros(13, int)
    for row, positions in enumerate(result["masked_positions"]):
        words = given["words"][row, positions[real[row]]]
        for word in np.unique(words):
            assert (words == word).sum() == (given["words"][row] == word).sum()
        assert len(np.unique(words)) == 2  # 15 % of 12 words.
        counts[np.unique(words)] += 1
    assert counts[0] == 0
    # 400 rows, each with 2 of 12 words: 67 of each, 7.5 to one deviation.
    assert counts[1:].min() > 67 - 4 * 7.5
    assert counts[1:].max() < 67 + 4 * 7.5


def test_eight_in_ten_are_masked_and_one_in_ten_is_another_token():
    ids, given, result, real = drawn()
    seen = np.take_along_axis(result["input_ids"], result["masked_positions"], 1)[real]
    own = result["masked_ids"][real]
    masked, same = np.mean(seen == MASK_ID), np.mean(seen == own)
    # About 1,300 tokens: three deviations. Others can be the same by chance.
    assert abs(masked - 0.8) < 0.035
    assert abs(same - 0.1) < 0.025
    others = seen[(seen != MASK_ID) & (seen != own)]
    assert set(others) <= set(ids[given["words"] > 0])
    assert len(set(others)) > 10


def test_another_seed_draws_other_masks_and_the_same_the_same():
    first, again, other = (drawn(seed)[2] for seed in ((1, 2), (1, 2), (1, 3)))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert (first["input_ids"] != other["input_ids"]).any()
    np.testing.assert_array_equal(first["weight"], other["weight"])


def test_a_sequence_without_words_has_nothing_to_hide():
    _, given = batch(2)
    words = given["words"].numpy()
    words[1] = 0
    result = draw_masks(
        given | {"words": tf.constant(words)}, tf.constant((1, 2), tf.int64)
    )
    assert (result["masked_positions"][1].numpy() == 0).all()
    assert (result["masked_positions"][0].numpy() > 0).any()


def test_texts_as_they_were_written_are_hidden_like_those_with_masks():
    ids, given = batch()
    none = tf.zeros_like(given["masked_positions"])
    plain = {
        "input_ids": tf.constant(ids),
        "masked_positions": none,
        "masked_ids": none,
    }
    results = [
        draw_masks(each, tf.constant((1, 2), tf.int64))
        for each in (given, given | plain)
    ]
    for name in results[0]:
        np.testing.assert_array_equal(*(result[name] for result in results))
