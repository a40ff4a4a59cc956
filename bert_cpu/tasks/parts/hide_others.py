"""Hides other words of a text in each epoch, for `fill` to learn from."""

from typing import Any

from bert_cpu.tasks.parts.hide_words import MOST_MASKS, SHARE_HIDDEN


def hide_others(batch: dict[str, Any], seed: Any) -> dict[str, Any]:
    """Takes back what is hidden in a batch, and hides other words by chance.

    They are drawn as for pre-training: see `draw_masks`.

    Args:
        batch: tensors by name. Read and replaced are `input_ids` `(batch, length)`,
            `masked_positions` and `masked_ids` `(batch, predictions)`; read are
            `words` `(batch, length)`, which number the words from 1, with 0 for what
            is not to be hidden; and `mask_id` `(batch,)`. All are int32.
        seed: int64 `(2,)`.

    Returns:
        The batch, with other masks, and as many predictions as the longest of its
        sequences may need.

    Reference: Liu et al. 2019, https://arxiv.org/abs/1907.11692, section 4.1 (new
    masks in each epoch).
    """
    import tensorflow as tf

    from bert_cpu.data.pretraining.masks import draw_masks

    ids, words = _whole_ids(batch), batch["words"]
    word_before = tf.pad(words, [[0, 0], [1, 0]])[:, :-1]
    ordinary_ids = tf.boolean_mask(ids, words > 0)  # (n,)
    is_none = tf.cast(tf.equal(tf.size(ordinary_ids), 0), tf.int32)
    length = tf.shape(ids)[1]
    share_of_length = tf.math.ceil(tf.cast(length, tf.float32) * SHARE_HIDDEN)
    # In short texts room for a word of several pieces.
    most = tf.maximum(tf.cast(share_of_length, tf.int32), MOST_MASKS)
    drawn = draw_masks(
        ids,
        tf.cast(words != word_before, tf.int32),
        words > 0,
        seed,
        SHARE_HIDDEN,
        tf.minimum(most, length),
        batch["mask_id"][:, None],
        # There must be one, even if nothing is to be hidden.
        tf.pad(ordinary_ids, [[0, is_none]]),
    )
    del drawn["masked_weights"]  # Position 0, which pads, says as much.
    return batch | drawn


def _whole_ids(batch):
    """`input_ids` as the text has them."""
    import tensorflow as tf

    from bert_cpu.data.pretraining.masks import put_tokens

    ids, positions = batch["input_ids"], batch["masked_positions"]
    # At position 0, which pads, [CLS] is written over itself.
    own = tf.gather(ids, positions, batch_dims=1)
    tokens = tf.where(positions > 0, batch["masked_ids"], own)
    return put_tokens(ids, positions, tokens)
