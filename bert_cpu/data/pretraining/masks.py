"""Which words are hidden, drawn anew for each batch within `tf.data`.

Pre-training and the task `fill` both learn from these masks.
"""

import math

import tensorflow as tf

# Of the tokens to guess; a tenth is another token, and a tenth is left as it is.
_MASKED = 0.8
_REPLACED = 0.1


def most_predictions(length: int, share: float) -> int:
    """How many tokens of a sequence are to be guessed at most.

    Example:
    >>> most_predictions(128, 0.15), most_predictions(512, 0.15)
    (20, 77)
    """
    # In thousandths, as 0.15 * 20 is a little over 3 in binary.
    return max(1, math.ceil(length * round(share * 1000) / 1000 - 1e-9))


def draw_masks(
    input_ids: tf.Tensor,
    word_starts: tf.Tensor,
    is_maskable: tf.Tensor,
    seed: tf.Tensor,
    share: float,
    max_predictions: int | tf.Tensor,
    mask_id: int | tf.Tensor,
    ordinary_ids: tf.Tensor,
) -> dict[str, tf.Tensor]:
    """Hides whole words until a share of the tokens is hidden.

    Words are taken in an order of chance, while more than half of the word is within
    the share; so the mean is the share. One word at least is taken. A word of more
    than `max_predictions` tokens never is.

    Args:
        input_ids: int32 `(batch, length)`, padded, nothing hidden.
        word_starts: int32 `(batch, length)`, 1 at the first token of each word.
        is_maskable: bool `(batch, length)`, False at special tokens and padding.
        seed: int `(2,)`. The same seed hides the same.
        share: float in `(0, 1]`, of the maskable tokens.
        max_predictions: int or int32 `()`, at most `length`.
        mask_id: int or int32 `(batch, 1)`. Of [MASK].
        ordinary_ids: int32 `(n,)`, from which replacements are drawn.

    Returns:
        dict of `input_ids`, int32 `(batch, length)`, with tokens hidden: 80 %
        became [MASK], 10 % another token and 10 % stayed; and of what to guess,
        `(batch, max_predictions)` each: int32 `masked_positions`, in order; int32
        `masked_ids`; float32 `masked_weights`, 1 for a position to guess and 0
        behind the last, where the other two are 0.

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805, section 3.1.
    """
    word_seed, way_seed, token_seed = tf.unstack(
        tf.random.split(tf.cast(seed, tf.int64), 3)
    )
    positions = _choose_positions(
        word_starts, is_maskable, word_seed, share, max_predictions
    )
    length = tf.shape(input_ids)[1]
    is_chosen = positions < length
    positions = tf.where(is_chosen, positions, 0)
    hidden = tf.gather(input_ids, positions, batch_dims=1)

    way = tf.random.stateless_uniform(tf.shape(positions), way_seed)
    picks = tf.random.stateless_uniform(
        tf.shape(positions), token_seed, 0, tf.size(ordinary_ids), tf.int32
    )
    shown = tf.where(way < _MASKED, mask_id, tf.gather(ordinary_ids, picks))
    # Where nothing is to be guessed, position 0 gets what it has.
    is_changed = is_chosen & (way < _MASKED + _REPLACED)
    shown = tf.where(is_changed, shown, hidden)
    return {
        "input_ids": put_tokens(input_ids, positions, shown),
        "masked_positions": positions,
        "masked_ids": tf.where(is_chosen, hidden, 0),
        "masked_weights": tf.cast(is_chosen, tf.float32),
    }


def put_tokens(
    input_ids: tf.Tensor, positions: tf.Tensor, tokens: tf.Tensor
) -> tf.Tensor:
    """Replaces tokens of each sequence.

    Args:
        input_ids: int32 `(batch, length)`.
        positions: int32 `(batch, n)`. One that comes twice has one token.
        tokens: int32 `(batch, n)`, what to put there.

    Returns:
        int32 `(batch, length)`.
    """
    batch, n = tf.unstack(tf.shape(positions))
    rows = tf.repeat(tf.range(batch), n)
    places = tf.stack([rows, tf.reshape(positions, [-1])], axis=1)
    return tf.tensor_scatter_nd_update(input_ids, places, tf.reshape(tokens, [-1]))


def _choose_positions(word_starts, is_maskable, seed, share, max_predictions):
    """int32 `(batch, max_predictions)`, in order; `length` where there is none."""
    shape = tf.shape(word_starts)
    length = shape[1]
    # No word goes on behind what can't be masked, though a cut may begin in one.
    is_behind = tf.pad(is_maskable, [[0, 0], [1, 0]])[:, :-1]
    is_start = (word_starts > 0) | ~is_maskable | ~is_behind
    word = tf.cumsum(tf.cast(is_start, tf.int32), axis=1) - 1  # (batch, length)

    row_starts = length * tf.range(shape[0])[:, None]
    word_lengths = tf.math.unsorted_segment_sum(
        tf.ones_like(word), word + row_starts, tf.size(word)
    )
    word_lengths = tf.reshape(word_lengths, shape)  # by number of the word
    word_begins = tf.cumsum(word_lengths, axis=1, exclusive=True)
    word_length = tf.gather(word_lengths, word, batch_dims=1)  # by token
    place_in_word = tf.range(length) - tf.gather(word_begins, word, batch_dims=1)

    # All tokens of a word share a number of chance, and stay in order when sorted.
    numbers = tf.random.stateless_uniform(shape, seed)
    number = tf.gather(numbers, word, batch_dims=1)
    can_be_chosen = is_maskable & (word_length <= max_predictions)
    order = tf.math.top_k(tf.where(can_be_chosen, number, -1.0), max_predictions)[1]

    def in_order(tensor):
        return tf.gather(tensor, order, batch_dims=1)

    begin = tf.range(max_predictions) - in_order(place_in_word)
    end = begin + in_order(word_length)
    budget = share * tf.reduce_sum(tf.cast(is_maskable, tf.float32), 1, keepdims=True)
    is_within = (tf.cast(begin + end, tf.float32) <= 2 * budget) | (begin == 0)
    is_chosen = is_within & (end <= max_predictions) & in_order(can_be_chosen)
    return tf.sort(tf.where(is_chosen, order, length), axis=1)
