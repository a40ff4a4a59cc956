"""The words that `fill` learns from: hidden whole, others each time, and put back.

How often, and by what, is `test_masks`'s to check.
"""

import numpy as np
import tensorflow as tf
import tiny_words

from bert_cpu.tasks.parts.hide_others import hide_others

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
    hide = tf.function(hide_others)
    result = {
        name: t.numpy() for name, t in hide(given, tf.constant(seed, tf.int64)).items()
    }
    real = result["masked_positions"] > 0
    return ids, {name: t.numpy() for name, t in given.items()}, result, real


def test_the_batch_keeps_its_names():
    _, given, result, _ = drawn()
    assert set(result) == set(given)
    np.testing.assert_array_equal(result["weight"], given["weight"])


def test_what_is_hidden_is_what_the_text_had():
    ids, _, result, real = drawn()
    own = np.take_along_axis(ids, result["masked_positions"], axis=1)
    np.testing.assert_array_equal(result["masked_ids"], np.where(real, own, 0))
    elsewhere = np.ones(ids.shape, bool)
    for row, positions in enumerate(result["masked_positions"]):
        elsewhere[row, positions[positions > 0]] = False
    np.testing.assert_array_equal(result["input_ids"][elsewhere], ids[elsewhere])


def test_words_are_hidden_whole_and_all_have_their_turn():
    _, given, result, real = drawn()
    counts = np.zeros(13, int)
    for row, positions in enumerate(result["masked_positions"]):
        words = given["words"][row, positions[real[row]]]
        for word in np.unique(words):
            assert (words == word).sum() == (given["words"][row] == word).sum()
        counts[np.unique(words)] += 1
    assert counts[0] == 0
    # 400 rows with 3 of 20 tokens: over 40 times each, if words were as likely.
    assert counts[1:].min() > 20
    assert abs(real.sum() / (given["words"] > 0).sum() - 0.15) < 0.01


def test_other_tokens_are_those_of_the_batch():
    ids, given, result, real = drawn()
    seen = np.take_along_axis(result["input_ids"], result["masked_positions"], 1)[real]
    others = seen[(seen != MASK_ID) & (seen != result["masked_ids"][real])]
    assert len(others) > 50
    assert set(others) <= set(ids[given["words"] > 0])


def test_another_seed_hides_other_words_and_the_same_the_same():
    first, again, other = (drawn(seed)[2] for seed in ((1, 2), (1, 2), (1, 3)))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert (first["input_ids"] != other["input_ids"]).any()


def test_a_sequence_without_words_has_nothing_to_hide():
    _, given = batch(2)
    words = given["words"].numpy()
    for rows in ([1], [0, 1]):
        words[rows] = 0
        changed = given | {"words": tf.constant(words)}
        result = hide_others(changed, tf.constant((1, 2), tf.int64))
        hidden = (result["masked_positions"].numpy() > 0).any(axis=1)
        assert hidden.tolist() == [0 not in rows, False]


def test_a_long_word_of_a_short_text_is_hidden():
    given = {
        "input_ids": tf.constant([[2, 9, 10, 11, 12, 3]]),
        "masked_positions": tf.zeros([1, 2], tf.int32),
        "masked_ids": tf.zeros([1, 2], tf.int32),
        "words": tf.constant([[0, 1, 1, 1, 1, 0]]),
        "mask_id": tf.constant([MASK_ID]),
    }
    result = hide_others(given, tf.constant((1, 2), tf.int64))
    assert result["masked_ids"].numpy().tolist() == [[9, 10, 11, 12, 0, 0]]


def test_texts_as_they_were_written_are_hidden_like_those_with_masks():
    ids, given = batch()
    none = tf.zeros_like(given["masked_positions"])
    plain = {
        "input_ids": tf.constant(ids),
        "masked_positions": none,
        "masked_ids": none,
    }
    results = [
        hide_others(each, tf.constant((1, 2), tf.int64))
        for each in (given, given | plain)
    ]
    for name in results[0]:
        np.testing.assert_array_equal(*(result[name] for result in results))
