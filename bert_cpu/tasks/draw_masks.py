"""Hides words by chance, other ones in each epoch, for a model to learn from."""

from typing import Any

from bert_cpu.tasks.hide_words import SHARE_HIDDEN

# Of the hidden tokens, in training: so many become [MASK], so many another token,
# and the rest stay, for the texts that BERT goes on to read have no [MASK].
_SHARE_MASKED = 0.8
_SHARE_EXCHANGED = 0.1


def draw_masks(batch: dict[str, Any], seed: Any) -> dict[str, Any]:
    """Takes back what is hidden in a batch, and hides other words by chance.

    15 % of each sequence's words (at least one) are to be guessed. 80 % of their
    tokens become `[MASK]`, 10 % another token out of the batch, 10 % stay.

    Args:
        batch: tensors by name. Read and replaced are `input_ids` `(batch, length)`,
            `masked_positions` and `masked_ids` `(batch, predictions)`; read are
            `words` `(batch, length)` and `mask_id` `(batch,)`, all int32.
        seed: int64 `(2,)`.

    Returns:
        The batch, with other masks.

    References:
        Devlin et al. 2018, https://arxiv.org/abs/1810.04805, section 3.1.
        Liu et al. 2019, https://arxiv.org/abs/1907.11692, section 4.1 (new masks in
        each epoch).
    """
    import tensorflow as tf

    ids, words = _whole_ids(batch), batch["words"]
    choice_seed, kind_seed, other_seed = tf.unstack(
        tf.random.experimental.stateless_split(seed, 3)
    )
    hidden = _choose_words(words, choice_seed)  # bool (batch, length)

    num_hidden = tf.reduce_max(tf.math.count_nonzero(hidden, axis=1, dtype=tf.int32))
    # Earlier positions score higher, so that the best are all of them, in order.
    scores = tf.where(hidden, tf.range(tf.shape(ids)[1], 0, -1), 0)
    scores, positions = tf.math.top_k(scores, num_hidden)
    is_real = scores > 0
    hidden_ids = tf.gather(ids, positions, batch_dims=1)

    real_ids = tf.boolean_mask(ids, words > 0)
    others = tf.random.stateless_uniform(
        tf.shape(ids), other_seed, 0, tf.maximum(tf.size(real_ids), 1), tf.int32
    )
    kinds = tf.random.stateless_uniform(tf.shape(ids), kind_seed)
    seen = tf.where(
        kinds < _SHARE_MASKED,
        batch["mask_id"][:, None],
        tf.where(
            kinds < _SHARE_MASKED + _SHARE_EXCHANGED,
            tf.gather(tf.concat([real_ids, [0]], axis=0), others),
            ids,
        ),
    )
    return batch | {
        "input_ids": tf.where(hidden, seen, ids),
        "masked_positions": tf.where(is_real, positions, 0),
        "masked_ids": tf.where(is_real, hidden_ids, 0),
    }


def _whole_ids(batch):
    """`input_ids` as the text has them."""
    import tensorflow as tf

    ids, positions = batch["input_ids"], batch["masked_positions"]
    # At position 0, which pads, [CLS] is written over itself.
    own = tf.gather(ids, positions, batch_dims=1)
    values = tf.where(positions > 0, batch["masked_ids"], own)
    rows = tf.repeat(tf.range(tf.shape(ids)[0]), tf.shape(positions)[1])
    places = tf.stack([rows, tf.reshape(positions, [-1])], axis=1)
    return tf.tensor_scatter_nd_update(ids, places, tf.reshape(values, [-1]))


def _choose_words(words, seed):
    """bool `(batch, length)`: the tokens of 15 % of each sequence's words."""
    import tensorflow as tf

    num_slots = tf.reduce_max(words) + 1
    shape = tf.stack([tf.shape(words)[0], num_slots])
    lots = tf.random.stateless_uniform(shape, seed)
    rows = tf.repeat(tf.range(shape[0]), tf.shape(words)[1])
    places = tf.stack([rows, tf.reshape(words, [-1])], axis=1)
    occurs = tf.scatter_nd(places, tf.ones_like(rows), shape) > 0
    occurs &= tf.range(num_slots) > 0
    lots = tf.where(occurs, lots, 2.0)  # Behind all that are drawn from [0, 1).
    num_words = tf.math.count_nonzero(occurs, axis=1, dtype=tf.float32)
    num_hidden = tf.cast(tf.maximum(tf.round(num_words * SHARE_HIDDEN), 1), tf.int32)
    bounds = tf.gather(tf.sort(lots, axis=1), num_hidden - 1, batch_dims=1)
    is_hidden = occurs & (lots <= bounds[:, None])
    return tf.gather(is_hidden, words, batch_dims=1)
