"""The masked-words head, next to longhand, and its one table of two uses."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_bundle
from scipy.special import erf
from transformers import BertConfig

from bert_cpu.layers.masked_words_head import MaskedWordsHead
from bert_cpu.models.encoder import build_encoder
from bert_cpu.tasks.parts.pretrain import MASKED_WORDS_NAMES, masked_words_logits

INPUTS = {
    "input_ids": np.int32([[2, 6, 8, 7, 3], [2, 9, 6, 3, 0]]),
    "token_type_ids": np.int32([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]),
    "attention_mask": np.int32([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]),
    "masked_positions": np.int32([[1, 3, 3], [2, 0, 0]]),
}
TABLE = "embeddings/token/embeddings"


def head(dtype="float32", seed=0):
    """A head with random weights, and longhand ones by name."""
    random = np.random.default_rng(seed)
    table = keras.Variable(random.normal(0, 0.3, (30, 16)).astype("float32"))
    layer = MaskedWordsHead(table, epsilon=1e-3, dtype=dtype, name="masked_words")
    layer.build((None, None, 16), (None, None))
    for variable in layer.trainable_variables:
        variable.assign(random.normal(0, 0.3, variable.shape))
    weights = {v.path.split("/", 1)[-1]: v.numpy() for v in layer.variables}
    return layer, weights, table.numpy()


def longhand(weights, table, hidden, positions):
    rows = []
    for vectors, places in zip(np.float64(hidden), positions, strict=True):
        x = vectors[places] @ weights["transform/kernel"] + weights["transform/bias"]
        x = x * 0.5 * (1 + erf(x / np.sqrt(2)))
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-3)
        x = x * weights["norm/gamma"] + weights["norm/beta"]
        rows.append(x @ table.T + weights["bias"])
    return np.stack(rows)


@pytest.fixture(scope="module")
def model():
    config = BertConfig(**tiny_bundle.CONFIG, initializer_range=0.2)
    encoder = build_encoder(config, dropout=0.0)
    inputs, logits = masked_words_logits(encoder)
    return keras.Model(
        inputs, {"logits": logits, "sequence": encoder.output["sequence"]}
    )


# bfloat16 keeps 8 bits of each factor, and 16 of them are summed.
@pytest.mark.parametrize("dtype, atol", [("float32", 1e-5), ("mixed_bfloat16", 0.1)])
def test_logits_are_those_of_longhand(dtype, atol):
    layer, weights, table = head(dtype)
    hidden = np.random.default_rng(1).normal(size=(2, 7, 16)).astype("float32")
    positions = np.int32([[0, 6, 2, 2], [5, 1, 0, 0]])
    logits = layer(hidden, positions)
    assert (logits.shape, logits.dtype) == ((2, 4, 30), "float32")
    np.testing.assert_allclose(
        logits, longhand(weights, table, hidden, positions), rtol=0, atol=atol
    )


def test_no_positions_give_no_logits():
    layer, _, _ = head()
    assert layer(np.zeros((2, 7, 16), "float32"), np.zeros((2, 0), "int32")).shape == (
        (2, 0, 30)
    )


def test_the_table_is_one_variable_of_the_whole_model(model):
    paths = [variable.path for variable in model.trainable_variables]
    assert len(paths) == len(set(paths))
    assert paths.count(TABLE) == 1
    assert set(MASKED_WORDS_NAMES) <= set(paths)
    sizes = [np.prod(variable.shape) for variable in model.variables]
    assert model.count_params() == sum(sizes)


def test_the_gradient_of_the_table_is_the_sum_of_both_uses(model):
    variables = {variable.path: variable for variable in model.trainable_variables}
    table, head_layer = variables[TABLE], model.get_layer("masked_words")
    weighing = np.random.default_rng(0).normal(size=(2, 3, table.shape[0]))

    def loss(logits):
        return tf.reduce_sum(logits * tf.constant(weighing, tf.float32))

    with tf.GradientTape() as tape:
        value = loss(model(INPUTS)["logits"])
    whole = tf.convert_to_tensor(tape.gradient(value, table.value))
    # As the encoder uses it: from the sequence's gradient, through the encoder.
    with tf.GradientTape(persistent=True) as tape:
        sequence = model(INPUTS)["sequence"]
        still = tf.stop_gradient(sequence)
        tape.watch(still)
        value = loss(head_layer(still, INPUTS["masked_positions"]))
    upstream = tape.gradient(value, still)
    below = tape.gradient(sequence, table.value, upstream)
    above = tape.gradient(value, table.value)
    expected = tf.convert_to_tensor(below) + tf.convert_to_tensor(above)
    assert min(np.abs(tf.convert_to_tensor(g)).max() for g in (below, above)) > 1e-3
    np.testing.assert_allclose(whole, expected, rtol=0, atol=1e-4)


def test_what_the_encoder_learns_the_head_compares_with(model):
    before = model(INPUTS)["logits"].numpy()
    hidden = model(INPUTS)["sequence"].numpy()
    table = next(v for v in model.trainable_variables if v.path == TABLE)
    layer = model.get_layer("masked_words")
    old = table.numpy()
    try:
        table.assign(2 * old)
        after = layer(hidden, INPUTS["masked_positions"]).numpy()
    finally:
        table.assign(old)
    np.testing.assert_allclose(after, 2 * before, rtol=1e-4, atol=1e-5)


def test_frozen_embeddings_stay_frozen_under_the_head():
    encoder = build_encoder(BertConfig(**tiny_bundle.CONFIG))
    encoder.get_layer("embeddings").trainable = False
    frozen = keras.Model(*masked_words_logits(encoder))
    paths = {variable.path for variable in frozen.trainable_variables}
    assert TABLE not in paths
    assert set(MASKED_WORDS_NAMES) <= paths
