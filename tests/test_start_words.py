"""Word vectors by the company that words keep, against longhand."""

import collections
import itertools

import keras
import numpy as np
import pytest
from scipy import sparse
from tiny_pretraining import LENGTH, MOST, prepare, read_as_the_original, unmasked
from transformers import BertConfig

from bert_cpu.data.pretraining import cooccurrences
from bert_cpu.data.pretraining.cooccurrences import count_cooccurrences
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.start_words import WordStart, find_word_start, start_words
from bert_cpu.tasks.parts.pretrain import build_pretraining


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    manifest = prepare(tmp_path_factory.mktemp("records") / "made", next_sentence=True)
    return manifest.open_shards("train", LENGTH)


def sequences_of(shards):
    """Each record's ids with nothing hidden, by a reader that is not ours."""
    records = read_as_the_original(shards.paths, LENGTH, MOST)
    return [unmasked(record).tolist() for record in records]


@pytest.fixture(scope="module")
def counted(shards):
    return count_cooccurrences(shards)


def test_pairs_are_counted_as_in_longhand(shards, counted):
    is_special = shards.pieces.is_special
    pairs, tokens = collections.Counter(), collections.Counter()
    for ids in sequences_of(shards):
        for place, token in enumerate(ids):
            if is_special[token]:
                continue
            tokens[token] += 1
            for distance in range(1, 5):
                other = ids[place + distance] if place + distance < len(ids) else None
                if other is not None and not is_special[other]:
                    pairs[token, other] += 1 / distance
                    pairs[other, token] += 1 / distance
    dense = counted.pairs.toarray()
    assert set(zip(*map(np.ndarray.tolist, np.nonzero(dense)), strict=True)) == set(
        pairs
    )
    for places, worth in pairs.items():
        assert dense[places] == pytest.approx(worth, rel=1e-5)
    assert dict(tokens) == {
        number: count for number, count in enumerate(counted.tokens) if count
    }


def test_of_a_large_corpus_a_part_is_counted(shards, counted, monkeypatch):
    monkeypatch.setattr(cooccurrences, "_MOST_TOKENS", shards.examples * LENGTH // 2)
    part = count_cooccurrences(shards).tokens.sum()
    assert 0.4 < part / counted.tokens.sum() < 0.6


def information_of(dense):
    """Positive pointwise mutual information of each pair, one after the other."""
    sums = dense.sum(axis=1)
    smoothed = sums**0.75 / (sums**0.75).sum()
    information = np.zeros(dense.shape)
    for row, column in itertools.product(*map(range, dense.shape)):
        count = dense[row, column]
        if count:
            value = np.log(count / (sums[row] * smoothed[column]))
            information[row, column] = max(value, 0.0) * count / (count + 20)
    return (information + information.T) / 2


def test_vectors_are_the_best_of_their_size(counted):
    size = 8
    start = find_word_start(counted.pairs, counted.tokens, size)
    values, axes = np.linalg.eigh(information_of(counted.pairs.toarray()))
    expected = axes[:, -size:] * np.sqrt(np.maximum(values[-size:], 0.0))
    lengths = np.linalg.norm(expected, axis=1)
    is_known = lengths > 1e-5
    np.testing.assert_array_equal(np.any(start.vectors != 0, axis=1), is_known)
    # A rotation changes no angle between two.
    cosines = start.vectors @ start.vectors.T / size
    expected /= np.maximum(lengths, 1e-5)[:, None]
    np.testing.assert_allclose(
        cosines[is_known][:, is_known],
        (expected @ expected.T)[is_known][:, is_known],
        atol=1e-4,
    )
    squares = (start.vectors[is_known] ** 2).mean(axis=1)
    np.testing.assert_allclose(squares, 1.0, rtol=1e-4)


def test_the_bias_is_how_frequent_words_are(counted):
    start = find_word_start(counted.pairs, counted.tokens, 8)
    shares = np.exp(start.bias.astype("float64"))
    shares /= shares.sum()
    expected = counted.tokens / counted.tokens.sum()
    np.testing.assert_allclose(shares, expected, atol=0.02)
    assert np.argmax(shares) == np.argmax(expected)


def test_the_same_counts_give_the_same_vectors(counted):
    one, two = (find_word_start(counted.pairs, counted.tokens, 8) for _ in range(2))
    np.testing.assert_array_equal(one.vectors, two.vectors)


@pytest.mark.parametrize("pairs", [[], [(3, 4)]], ids=["no pair", "one pair"])
def test_next_to_nothing_to_count_is_no_mistake(pairs):
    counts = np.zeros((6, 6), np.float32)
    for left, right in pairs:
        counts[left, right] = counts[right, left] = 1.0
    start = find_word_start(sparse.csr_matrix(counts), np.arange(6), 16)
    assert start.vectors.shape == (6, 16)
    assert np.isfinite(start.vectors).all()
    known = np.any(start.vectors != 0, axis=1)
    assert known.tolist() == [bool(pairs) and number in (3, 4) for number in range(6)]


def test_a_model_begins_with_them():
    keras.utils.set_random_seed(0)
    config = BertConfig(
        vocab_size=50,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    model = build_pretraining(build_encoder(config), next_sentence=False)
    before = {variable.path: variable.numpy() for variable in model.variables}
    random = np.random.default_rng(0)
    vectors = random.standard_normal((50, 8)).astype(np.float32)
    vectors /= np.sqrt((vectors**2).mean(axis=1, keepdims=True))
    vectors[:5] = 0.0
    start_words(model, WordStart(vectors, np.arange(50, dtype=np.float32)))
    for variable in model.variables:
        value, was = variable.numpy(), before[variable.path]
        if variable.path == "embeddings/token/embeddings":
            np.testing.assert_array_equal(value[:5], was[:5])
            expected = vectors[5:] * np.sqrt((was**2).mean())
            np.testing.assert_allclose(value[5:], expected, rtol=1e-6)
        elif variable.path == "masked_words/bias":
            np.testing.assert_array_equal(value, np.arange(50))
        else:
            np.testing.assert_array_equal(value, was, err_msg=variable.path)
