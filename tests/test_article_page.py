"""What the page on the article says of Keras, TensorFlow and transformers is so."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from transformers import BertConfig


@pytest.mark.parametrize(
    "layer, arguments, unknown",
    [
        (keras.layers.Embedding, {"input_dim": 9, "output_dim": 4}, "padding_idx"),
        (
            keras.layers.MultiHeadAttention,
            {"num_heads": 2, "key_dim": 2},
            "dropout_rate",
        ),
        (keras.layers.Dense, {"units": 4, "activation": "relu"}, "dropout_rate"),
    ],
)
def test_keras_refuses_the_arguments_of_the_article(layer, arguments, unknown):
    layer(**arguments)
    with pytest.raises(ValueError, match=f"Unrecognized keyword.*{unknown}"):
        layer(**arguments, **{unknown: 0})


def test_a_bert_config_lacks_the_fields_of_the_article():
    config = BertConfig()
    for name in (
        *("attention_key_dim", "attention_dropout_prob"),
        "intermediate_dropout_prob",
    ):
        assert not hasattr(config, name)
    assert {config.attention_probs_dropout_prob, config.hidden_dropout_prob} == {0.1}
    assert config.hidden_act == "gelu"


def test_keras_takes_training_by_name_only():
    class Model(keras.Model):
        def call(self, inputs, training=False):
            return inputs

    Model()(tf.zeros((2, 3)), training=True)
    with pytest.raises(ValueError, match="keyword argument"):
        Model()(tf.zeros((2, 3)), True)


def test_the_losses_of_the_article_are_a_vector_of_probabilities():
    logits, labels = tf.constant([[2.0, 1.0], [0.5, 3.0]]), tf.constant([0, 1])
    losses = keras.losses.sparse_categorical_crossentropy(labels, logits)
    # Taken for probabilities: cut to below 1, and divided by their sum.
    taken = np.clip(logits.numpy(), 1e-7, 1 - 1e-7)
    expected = -np.log(taken[[0, 1], [0, 1]] / taken.sum(axis=1))
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    with pytest.raises(TypeError, match="format"):
        f"{losses:.3f}"
    with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
        losses + tf.zeros((3,))


def test_the_gradient_of_a_vector_grows_with_the_batch():
    weight = tf.Variable(1.0)

    def gradient(batch_size):
        with tf.GradientTape() as tape:
            losses = weight * tf.ones((batch_size,))
        return float(tape.gradient(losses, weight))

    assert gradient(16) == 2 * gradient(8) == 16


def test_the_epsilon_of_a_keras_norm_is_not_that_of_bert():
    assert keras.layers.LayerNormalization().epsilon == 1e-3
    assert BertConfig().layer_norm_eps == 1e-12
