"""BERT's pre-training heads, losses and measures, next to transformers and SciPy."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
import tiny_bundle
from transformers import BertConfig

from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.weights import collect_weights
from bert_cpu.tasks.parts.pretrain import (
    HEAD_NAMES,
    MASKED_WORDS_NAMES,
    build_pretraining,
    pretraining_losses,
    pretraining_metrics,
    pretraining_sums,
)

CONFIG = BertConfig(**tiny_bundle.CONFIG)
NUM_LAYERS = tiny_bundle.CONFIG["num_hidden_layers"]
INPUTS = {
    "input_ids": np.int32([[2, 6, 8, 7, 3], [2, 9, 6, 3, 0]]),
    "token_type_ids": np.int32([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]),
    "attention_mask": np.int32([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]),
    "masked_positions": np.int32([[1, 3], [2, 0]]),
}


def head_weights(seed=5):
    """A head's tensors by their names in transformers."""
    random = np.random.default_rng(seed)
    size, words = CONFIG.hidden_size, CONFIG.vocab_size
    shapes = {
        "cls.predictions.transform.dense.weight": (size, size),
        "cls.predictions.transform.dense.bias": (size,),
        "cls.predictions.transform.LayerNorm.weight": (size,),
        "cls.predictions.transform.LayerNorm.bias": (size,),
        "cls.predictions.bias": (words,),
        "cls.seq_relationship.weight": (2, size),
        "cls.seq_relationship.bias": (2,),
    }
    return {
        name: random.normal(0, 0.3, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def write_checkpoint(directory, heads):
    encoder = tiny_bundle.random_weights()
    weights = {n: w for n, w in encoder.items() if not n.startswith("classifier")}
    tiny_bundle.write_bundle(directory, weights | heads)
    return directory


def loaded(directory):
    model = build_pretraining(build_encoder(CONFIG, dropout=0.0))
    absent = open_checkpoint(str(directory)).assign_to(model, HEAD_NAMES)
    return model, absent


def test_heads_load_with_the_encoder(tmp_path):
    heads = head_weights()
    model, absent = loaded(write_checkpoint(tmp_path / "whole", heads))
    assert absent == []
    assert sorted(heads) == sorted(HEAD_NAMES.values())
    for name, value in collect_weights(model, HEAD_NAMES).items():
        np.testing.assert_array_equal(value, heads[name], err_msg=name)


def test_heads_that_a_checkpoint_lacks_are_named_and_start_at_random(tmp_path):
    _, absent = loaded(write_checkpoint(tmp_path / "encoder", {}))
    assert absent == sorted(HEAD_NAMES.values())
    heads = {name: head_weights()[name] for name in MASKED_WORDS_NAMES.values()}
    model, absent = loaded(write_checkpoint(tmp_path / "masked", heads))
    assert absent == ["cls.seq_relationship.bias", "cls.seq_relationship.weight"]
    names = {path: HEAD_NAMES[path] for path in HEAD_NAMES if "masked" in path}
    for name, value in collect_weights(model, names).items():
        np.testing.assert_array_equal(value, heads[name], err_msg=name)


def test_without_the_next_sentence_there_is_no_pooler_to_load(tmp_path):
    directory = write_checkpoint(tmp_path / "whole", head_weights())
    model = build_pretraining(build_encoder(CONFIG), next_sentence=False)
    checkpoint = open_checkpoint(str(directory))
    assert checkpoint.assign_to(model, MASKED_WORDS_NAMES) == []
    paths = {variable.path for variable in model.trainable_variables}
    assert not any("pooler" in path or "next_sentence" in path for path in paths)
    assert set(model(INPUTS)) == {"masked_logits"}


def test_random_weights_have_the_spread_that_transformers_config_says():
    """Its docs: the deviation of the truncated normal "for all weight matrices"."""
    keras.utils.set_random_seed(0)
    config = BertConfig(**tiny_bundle.CONFIG, initializer_range=0.5)
    model = build_pretraining(build_encoder(config))
    # As TensorFlow and the original cut it: at two deviations.
    expected = scipy.stats.truncnorm(-2, 2, scale=0.5)
    num_drawn = 0
    for variable in model.trainable_variables:
        name, values = variable.path, variable.numpy().ravel()
        if name.endswith(("/kernel", "/embeddings")):
            assert scipy.stats.kstest(values, expected.cdf).pvalue > 1e-4, name
            num_drawn += 1
        else:
            assert set(values) == {1.0 if name.endswith("/gamma") else 0.0}, name
    # Three tables; six kernels a block; the pooler's, and one of each head.
    assert num_drawn == 3 + 6 * NUM_LAYERS + 3


def random_batch(num_predictions=3, words=11, seed=0):
    random = np.random.default_rng(seed)
    batch = {
        "masked_ids": random.integers(0, words, (4, num_predictions)).astype("int32"),
        "masked_weights": np.float32([[1, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 0]]),
        "next_sentence": np.int32([0, 1, 1, 0]),
        "weight": np.float32([1, 1, 1, 0]),
    }
    outputs = {
        "masked_logits": random.normal(0, 3, (4, num_predictions, words)),
        "next_sentence_logits": random.normal(0, 3, (4, 2)),
    }
    return batch, {name: np.float32(value) for name, value in outputs.items()}


def longhand_losses(batch, outputs):
    shares = scipy.special.log_softmax(outputs["masked_logits"], axis=-1)
    words = -np.take_along_axis(shares, batch["masked_ids"][..., None], -1)[..., 0]
    sentences = scipy.special.log_softmax(outputs["next_sentence_logits"], axis=-1)
    next_sentence = -sentences[np.arange(4), batch["next_sentence"]]
    return (words * batch["masked_weights"]).sum(1), next_sentence


def test_losses_are_sums_over_the_hidden_words_of_each_example():
    batch, outputs = random_batch()
    losses = pretraining_losses(batch, outputs)
    masked, next_sentence = longhand_losses(batch, outputs)
    np.testing.assert_allclose(losses.masked, masked, rtol=1e-5)
    np.testing.assert_array_equal(losses.num_masked, [3, 1, 0, 2])
    np.testing.assert_allclose(losses.next_sentence, next_sentence, rtol=1e-5)
    del outputs["next_sentence_logits"]
    assert pretraining_losses(batch, outputs).next_sentence is None


def test_measures_over_two_batches_leave_out_rows_that_fill_up():
    batches = [random_batch(seed=seed) for seed in (1, 2)]
    sums = [pretraining_sums(batch, outputs) for batch, outputs in batches]
    metrics = pretraining_metrics({n: float(sums[0][n] + sums[1][n]) for n in sums[0]})
    losses = [longhand_losses(batch, outputs) for batch, outputs in batches]
    # The first three rows of each: 4 hidden words and 3 pairs of sentences.
    masked_loss = sum(masked[:3].sum() for masked, _ in losses) / 8
    pair_loss = sum(pairs[:3].sum() for _, pairs in losses) / 6
    right = right_pairs = 0
    for batch, outputs in batches:
        is_right = outputs["masked_logits"].argmax(-1) == batch["masked_ids"]
        right += (is_right & (batch["masked_weights"] > 0))[:3].sum()
        pairs = outputs["next_sentence_logits"].argmax(-1) == batch["next_sentence"]
        right_pairs += pairs[:3].sum()
    assert metrics == pytest.approx(
        {
            "masked_loss": masked_loss,
            "perplexity": np.exp(masked_loss),
            "masked_accuracy": right / 8,
            "next_sentence_loss": pair_loss,
            "next_sentence_accuracy": right_pairs / 6,
        },
        rel=1e-5,
    )


def test_measures_of_a_model_without_the_next_sentence():
    batch, outputs = random_batch()
    del outputs["next_sentence_logits"]
    sums = {name: float(s) for name, s in pretraining_sums(batch, outputs).items()}
    assert set(pretraining_metrics(sums)) == {
        *("masked_loss", "perplexity", "masked_accuracy")
    }


def test_every_weight_learns_from_the_two_losses():
    model = build_pretraining(build_encoder(CONFIG, dropout=0.0))
    batch = {
        "masked_ids": tf.constant([[5, 6], [7, 0]]),
        "masked_weights": tf.constant([[1.0, 1.0], [1.0, 0.0]]),
        "next_sentence": tf.constant([0, 1]),
    }
    with tf.GradientTape() as tape:
        losses = pretraining_losses(batch, model(INPUTS, training=True))
        loss = tf.reduce_sum(losses.masked) + tf.reduce_sum(losses.next_sentence)
    variables = model.trainable_variables
    for variable, gradient in zip(
        variables, tape.gradient(loss, variables), strict=True
    ):
        # Softmax is the same whatever is added to all keys.
        if not variable.path.endswith("attention/key/bias"):
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 1e-6, variable.path
