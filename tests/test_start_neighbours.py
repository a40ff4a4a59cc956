"""A new encoder's first heads look at the tokens beside their own."""

import functools

import keras
import numpy as np
import pytest
import scipy.special
from transformers import BertConfig

from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.start_neighbours import start_neighbours
from bert_cpu.models.weights import collect_weights, encoder_names

LENGTH = 32
OFFSETS = (-1, 1, -2, 2)
# The mean over features, which the norm takes away, differs most among the first
# positions, and turns their heads; from here on all look where they should.
FIRST = 8
ADDED = {
    "embeddings/position/embeddings",
    "block_0/attention/query/kernel",
    "block_0/attention/key/kernel",
}


@functools.cache
def new_encoder(seed=0, starts=True, **shape):
    shape = {"hidden_size": 256, "num_attention_heads": 4} | shape
    keras.utils.set_random_seed(seed)
    config = BertConfig(
        vocab_size=300,
        num_hidden_layers=1,
        intermediate_size=64,
        max_position_embeddings=64,
        **shape,
    )
    encoder = build_encoder(config, dropout=0.0)
    if starts:
        start_neighbours(encoder)
    return encoder


def attention_of(encoder, num_heads, ids=None):
    """Block 0's, in longhand: `(heads, length, length)`; no ids: no tokens' vectors."""
    w = collect_weights(encoder, encoder_names(1))
    x = w["embeddings.position_embeddings.weight"][:LENGTH].astype("float64")
    x = x + w["embeddings.token_type_embeddings.weight"][0]
    if ids is not None:
        x = x + w["embeddings.word_embeddings.weight"][ids]
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(-1, keepdims=True))

    def heads(name):
        product = x @ w[f"encoder.layer.0.attention.self.{name}.weight"].T
        return product.reshape(LENGTH, num_heads, -1).transpose(1, 0, 2)

    query, key = heads("query"), heads("key")
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
    return scipy.special.softmax(scores, axis=-1)


def most_looked_at(attention, offset):
    """Positions, and those that a head looks at most, away from the edges."""
    positions = np.arange(FIRST, LENGTH - max(offset, 0))
    return positions, attention[positions].argmax(-1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_head_looks_most_at_its_neighbour(seed):
    attention = attention_of(new_encoder(seed), 4)
    for head, offset in zip(attention, OFFSETS, strict=True):
        positions, looked_at = most_looked_at(head, offset)
        np.testing.assert_array_equal(looked_at, positions + offset, err_msg=offset)
        # Not by a hair: about half of all attention is there.
        assert head[positions, positions + offset].mean() > 0.4


def test_neighbours_are_seen_past_the_tokens_own_vectors():
    encoder = new_encoder()
    random = np.random.default_rng(0)
    shares = np.zeros(4)
    for _ in range(8):
        attention = attention_of(encoder, 4, random.integers(0, 300, LENGTH))
        for head, offset in enumerate(OFFSETS):
            positions = np.arange(FIRST, LENGTH - 2)
            shares[head] += attention[head, positions, positions + offset].mean() / 8
    # A token's own vector draws a head that is turned by little, as those at one are.
    assert (shares[:2] > 1.5 / LENGTH).all()
    assert (shares[2:] > 5 / LENGTH).all()


@pytest.mark.parametrize("num_heads, num_turned", [(2, 2), (8, 4)])
def test_of_other_numbers_of_heads_the_first_are_turned(num_heads, num_turned):
    shape = {"num_attention_heads": num_heads}
    encoder, drawn = new_encoder(**shape), new_encoder(starts=False, **shape)
    attention = attention_of(encoder, num_heads)
    for head, offset in enumerate(OFFSETS[:num_turned]):
        positions, looked_at = most_looked_at(attention[head], offset)
        np.testing.assert_array_equal(looked_at, positions + offset)
    for variable, before in zip(encoder.variables, drawn.variables, strict=True):
        if variable.path in ADDED - {"embeddings/position/embeddings"}:
            rest = variable[:, num_turned:], before[:, num_turned:]
            np.testing.assert_array_equal(*rest, err_msg=variable.path)


def test_the_rest_stays_as_it_was_drawn():
    encoder, drawn = new_encoder(), new_encoder(starts=False)
    changed = {
        variable.path
        for variable, before in zip(encoder.variables, drawn.variables, strict=True)
        if not np.array_equal(variable, before)
    }
    assert changed == ADDED


def test_positions_start_as_the_sinusoids_of_the_paper():
    table = new_encoder(hidden_size=48).get_layer("embeddings").weights[1].numpy()
    assert table.shape == (64, 48)
    for position in (0, 1, 31, 63):
        for wave in range(24):
            angle = position / 10000 ** (2 * wave / 48)
            sine_and_cosine = table[position, [wave, 24 + wave]]
            expected = 0.028 * np.sin(angle), 0.028 * np.cos(angle)
            np.testing.assert_allclose(sine_and_cosine, expected, atol=1e-6)


def test_sizes_that_are_odd_are_started_too():
    encoder = new_encoder(hidden_size=45, num_attention_heads=3)
    drawn = new_encoder(hidden_size=45, num_attention_heads=3, starts=False)
    ours, before = (e.get_layer("embeddings").weights[1] for e in (encoder, drawn))
    np.testing.assert_array_equal(ours[:, 44], before[:, 44])
    assert np.abs(ours[:, :44] - before[:, :44]).min() > 0


def test_the_start_is_fixed_by_the_seed():
    again = new_encoder.__wrapped__  # Not the one that is kept.
    one, same, other = new_encoder(1), again(1), new_encoder(2)
    differ = set()
    for a, b, c in zip(one.variables, same.variables, other.variables, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=a.path)
        if not np.array_equal(a, c):
            differ.add(a.path)
    assert {"block_0/attention/query/kernel", "block_0/attention/key/kernel"} < differ
