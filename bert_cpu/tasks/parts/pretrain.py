"""What BERT is pre-trained for: hidden words, and which sentence comes next.

It is no task of the command line, for nobody is answered: its model, losses and
measures are what the pre-training loop runs, and its head is what `fill` answers
with.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

# Keras variable path -> tensor name in transformers' BertForMaskedLM. The table of
# words is the encoder's, and is not stored again.
MASKED_WORDS_NAMES = {
    "masked_words/transform/kernel": "cls.predictions.transform.dense.weight",
    "masked_words/transform/bias": "cls.predictions.transform.dense.bias",
    "masked_words/norm/gamma": "cls.predictions.transform.LayerNorm.weight",
    "masked_words/norm/beta": "cls.predictions.transform.LayerNorm.bias",
    "masked_words/bias": "cls.predictions.bias",
}
# The same for BertForPreTraining, which tells the next sentence as well.
HEAD_NAMES = MASKED_WORDS_NAMES | {
    "next_sentence/kernel": "cls.seq_relationship.weight",
    "next_sentence/bias": "cls.seq_relationship.bias",
}


class PretrainingLosses(NamedTuple):
    """The losses of each example; the mean over a batch is the trainer's work."""

    masked: Any  # float32 (batch,), summed over an example's hidden words.
    num_masked: Any  # float32 (batch,), how many those are.
    next_sentence: Any | None  # float32 (batch,), if the model tells it.


def build_pretraining(encoder: Any, next_sentence: bool = True) -> Any:
    """Puts both heads of pre-training on an encoder.

    Args:
        encoder: keras.Model as `build_encoder` returns it.
        next_sentence: whether to tell if the second text follows the first. A
            model that doesn't has no pooler either.

    Returns:
        keras.Model from a dict of int32 `input_ids`, `token_type_ids` and
        `attention_mask` `(batch, length)` and `masked_positions` `(batch,
        predictions)` to a dict of float32 `masked_logits` `(batch, predictions,
        vocab_size)` and, if asked for, `next_sentence_logits` `(batch, 2)`: it is
        next, it is not.

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805, section 3.1;
    without the next sentence, Liu et al. 2019, https://arxiv.org/abs/1907.11692.
    """
    import keras

    inputs, logits = masked_words_logits(encoder)
    outputs = {"masked_logits": logits}
    if next_sentence:
        outputs["next_sentence_logits"] = keras.layers.Dense(
            2,
            kernel_initializer=keras.initializers.TruncatedNormal(
                stddev=encoder.get_layer("block_0").initializer_range
            ),
            dtype="float32",
            name="next_sentence",
        )(encoder.output["pooled"])
    return keras.Model(inputs, outputs, name="pretraining")


def masked_words_logits(encoder: Any) -> tuple[dict[str, Any], Any]:
    """Puts the masked-words head on an encoder, and shares its table of words.

    Args:
        encoder: keras.Model as `build_encoder` returns it.

    Returns:
        The model's inputs, which are the encoder's and `masked_positions`, int32
        `(batch, predictions)`; and logits, float32 `(batch, predictions,
        vocab_size)`.
    """
    import keras

    from bert_cpu.layers.masked_words_head import MaskedWordsHead

    tables = {variable.path: variable for variable in encoder.variables}
    block = encoder.get_layer("block_0")
    positions = keras.Input((None,), dtype="int32", name="masked_positions")
    logits = MaskedWordsHead(
        tables["embeddings/token/embeddings"],
        block.activation,
        block.epsilon,
        block.initializer_range,
        dtype=block.dtype_policy,
        name="masked_words",
    )(encoder.output["sequence"], positions)
    return {**encoder.input, "masked_positions": positions}, logits


def masked_losses(ids: Any, weights: Any, logits: Any) -> tuple[Any, Any]:
    """Cross-entropy of hidden words, summed over each example's.

    Args:
        ids: int32 `(batch, predictions)`, the words that were hidden.
        weights: float32 `(batch, predictions)`, 0 for padding.
        logits: float32 `(batch, predictions, vocab_size)`.

    Returns:
        Two float32 tensors `(batch,)`: sums of losses, and of weights.
    """
    import tensorflow as tf

    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(ids, logits)
    return tf.reduce_sum(losses * weights, axis=1), tf.reduce_sum(weights, axis=1)


def pretraining_losses(
    batch: Mapping[str, Any], outputs: Mapping[str, Any]
) -> PretrainingLosses:
    """The losses of a batch, example by example.

    Args:
        batch: tensors by name. Read are `masked_ids`, int32, and `masked_weights`,
            float32 `(batch, predictions)`, and `next_sentence`, int32 `(batch,)`, 0
            where the second text is the next one.
        outputs: of the model that `build_pretraining` makes.

    Example:
    >>> losses = pretraining_losses(batch, outputs)  # doctest: +SKIP
    >>> masked = tf.reduce_sum(losses.masked)  # doctest: +SKIP
    >>> loss = masked / tf.reduce_sum(losses.num_masked)  # doctest: +SKIP
    >>> loss += tf.reduce_mean(losses.next_sentence)  # doctest: +SKIP
    """
    import tensorflow as tf

    masked, num_masked = masked_losses(
        batch["masked_ids"], batch["masked_weights"], outputs["masked_logits"]
    )
    next_sentence = None
    if "next_sentence_logits" in outputs:
        next_sentence = tf.nn.sparse_softmax_cross_entropy_with_logits(
            batch["next_sentence"], outputs["next_sentence_logits"]
        )
    return PretrainingLosses(masked, num_masked, next_sentence)


def pretraining_sums(
    batch: Mapping[str, Any], outputs: Mapping[str, Any]
) -> dict[str, Any]:
    """What `pretraining_metrics` needs of a batch: sums, to be added up.

    Args:
        batch: as for `pretraining_losses`, and `weight`, float32 `(batch,)`: 0 for
            rows that only fill up a batch.
        outputs: of the model.

    Returns:
        dict of float32 tensors `()`.
    """
    import tensorflow as tf

    losses = pretraining_losses(batch, outputs)
    weight = batch["weight"]

    def num_right(logits, ids, weights):
        right = tf.argmax(logits, axis=-1, output_type=tf.int32) == ids
        return tf.reduce_sum(tf.cast(right, tf.float32) * weights)

    sums = {
        "masked_loss": tf.reduce_sum(losses.masked * weight),
        "masked_right": num_right(
            outputs["masked_logits"],
            batch["masked_ids"],
            batch["masked_weights"] * weight[:, None],
        ),
        "masked": tf.reduce_sum(losses.num_masked * weight),
    }
    if losses.next_sentence is not None:
        sums |= {
            "next_sentence_loss": tf.reduce_sum(losses.next_sentence * weight),
            "next_sentence_right": num_right(
                outputs["next_sentence_logits"], batch["next_sentence"], weight
            ),
            "next_sentence": tf.reduce_sum(weight),
        }
    return sums


def pretraining_metrics(sums: Mapping[str, float]) -> dict[str, float]:
    """Turns the sums over a split into measures.

    Args:
        sums: `pretraining_sums` of all batches, added up, as numbers.

    Returns:
        dict with `masked_loss` (nats a hidden word), its exponential `perplexity`,
        `masked_accuracy`, and of models that tell it `next_sentence_loss` and
        `next_sentence_accuracy`.
    """
    masked_loss = float(sums["masked_loss"] / sums["masked"])
    metrics = {
        "masked_loss": masked_loss,
        "perplexity": math.exp(masked_loss),
        "masked_accuracy": float(sums["masked_right"] / sums["masked"]),
    }
    if "next_sentence" in sums:
        count = sums["next_sentence"]
        metrics |= {
            "next_sentence_loss": float(sums["next_sentence_loss"] / count),
            "next_sentence_accuracy": float(sums["next_sentence_right"] / count),
        }
    return metrics
