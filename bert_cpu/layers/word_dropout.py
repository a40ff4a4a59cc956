"""Words that are hidden in training, so that a model leans on no few of them."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from bert_cpu.layers.dropout import Dropout


@keras.saving.register_keras_serializable("bert_cpu")
class WordDropout(keras.layers.Layer):
    """Puts `[MASK]` in place of a share of the tokens in training.

    A sequence is read with other tokens hidden each time, which costs next to nothing.
    Left as they are: the tokens of `kept_ids`, as `[CLS]`, `[SEP]` and padding.

    Args:
        rate: float in `[0, 1)`. Share of the tokens hidden; like that of `Dropout`
            it is rounded to 1/256.
        mask_id: int. What is put in their place.
        kept_ids: ints. Tokens that are never hidden.
        seed: int. Fixes the choices; see `Dropout`, which draws them.

    Call arguments:
        token_ids: int32 `(batch, length)`.
        training: bool. Without it, the ids are returned as they are.

    Output shape:
        That of `token_ids`.

    Example:
    >>> layer = WordDropout(0.5, mask_id=103, kept_ids=(0, 101, 102), seed=0)
    >>> hidden = layer(np.full((1, 1000), 7), training=True)
    >>> sorted(set(hidden.numpy().ravel().tolist()))
    [7, 103]

    References: Iyyer et al. 2015, https://aclanthology.org/P15-1162, who leave words
    out of an average; Devlin et al. 2018, https://arxiv.org/abs/1810.04805, for what
    BERT has learned to read in place of a word.
    """

    def __init__(self, rate, mask_id, kept_ids: Sequence[int], seed=None, **kwargs):
        super().__init__(**kwargs)
        self.mask_id = mask_id
        self.kept_ids = tuple(kept_ids)
        self._choices = Dropout(rate, seed, name="choices")

    def call(self, token_ids, training=False):
        if not training or not self._choices.rate:
            return token_ids
        is_hidden = ~self._choices.draw_kept(tf.shape(token_ids))
        for kept in self.kept_ids:
            is_hidden &= token_ids != kept
        return tf.where(is_hidden, tf.cast(self.mask_id, token_ids.dtype), token_ids)

    def get_config(self):
        return super().get_config() | {
            "rate": self._choices.rate,
            "mask_id": self.mask_id,
            "kept_ids": self.kept_ids,
            "seed": self._choices.seed,
        }
