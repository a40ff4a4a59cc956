"""Word vectors for a new encoder, from how often words stand near each other."""

import dataclasses
from typing import Any

import keras
import numpy as np

# Of the counts of a pair's second token: without it, rare ones look informative.
_SMOOTHING = 0.75
# A pair that was seen so often is half trusted. By 20 instead of 1, the words that
# stand beside a held-out one tell it with a cross-entropy of 5.66, not 5.80.
_DOUBTED = 20.0


@dataclasses.dataclass(frozen=True, slots=True)
class WordStart:
    """What a new encoder knows of words before it is trained.

    Args:
        vectors: float32 `(vocab_size, hidden_size)`. Rows of zeros for words of which
            nothing was counted.
        bias: float32 `(vocab_size,)`. Logarithms of the words' shares, less their mean.
    """

    vectors: np.ndarray
    bias: np.ndarray


def find_word_start(pairs: Any, tokens: np.ndarray, hidden_size: int) -> WordStart:
    """Factors the pointwise mutual information of words.

    The table `V` is the one of `hidden_size` columns whose `V @ V.T` is nearest to
    the positive pointwise mutual information, turned by a fixed random rotation so
    that no feature weighs more than others. Rows are then of one length. The same
    counts give the same table.

    Args:
        pairs: scipy.sparse matrix, float32 `(vocab_size, vocab_size)`, symmetric. How
            often two words stood near each other.
        tokens: int64 `(vocab_size,)`. How often each word occurred.
        hidden_size: int. Of the encoder.

    Returns:
        WordStart, its rows with a mean square of 1.

    Reference: Levy and Goldberg 2014, "Neural word embedding as implicit matrix
    factorization" (what word2vec learns is such a table); Levy, Goldberg and Dagan
    2015, https://aclanthology.org/Q15-1016 (the smoothing, and the square root of the
    eigenvalues); Pantel and Lin 2002, "Discovering word senses from text" (less trust
    in small counts).
    """
    size = len(tokens)
    vectors = np.zeros((size, hidden_size), np.float32)
    information = _information(pairs)
    # The method finds fewer than there are rows.
    found = min(hidden_size, size - 2)
    if information.nnz and found > 0:
        from scipy.sparse import linalg

        start = np.random.default_rng(0).standard_normal(size).astype(np.float32)
        values, axes = linalg.eigsh(information, k=found, which="LA", v0=start)
        vectors[:, :found] = axes * np.sqrt(np.maximum(values, 0.0))
        rotation, _ = np.linalg.qr(
            np.random.default_rng(1).standard_normal((hidden_size, hidden_size))
        )
        vectors = vectors @ rotation.astype(np.float32)
    shares = (tokens + 0.5) / (tokens + 0.5).sum()
    bias = np.log(shares) - np.log(shares).mean()
    return WordStart(_of_one_length(vectors), bias.astype(np.float32))


def start_words(model: keras.Model, start: WordStart) -> None:
    """Gives a new encoder and its masked-words head what was counted.

    Args:
        model: keras.Model as `build_pretraining` returns it. Rows of its table of
            tokens take the direction of `start.vectors` and the length that drawn ones
            have on average; rows of zeros leave them as they were drawn. The head's
            bias becomes `start.bias`.
        start: for its vocabulary and hidden size.
    """
    variables = {variable.path: variable for variable in model.variables}
    table = variables["embeddings/token/embeddings"]
    drawn = table.numpy()
    is_known = np.any(start.vectors != 0, axis=1, keepdims=True)
    scaled = start.vectors * np.sqrt(np.mean(drawn**2))
    table.assign(np.where(is_known, scaled, drawn))
    variables["masked_words/bias"].assign(start.bias)


def _information(pairs):
    """Positive pointwise mutual information, of pairs that occurred; symmetric."""
    counts = pairs.tocoo()
    sums = np.asarray(pairs.sum(axis=1), np.float64).ravel()
    smoothed = np.maximum(sums, 0.0) ** _SMOOTHING
    smoothed /= max(smoothed.sum(), 1e-12)
    values = np.log(counts.data / (sums[counts.row] * smoothed[counts.col]))
    trust = counts.data / (counts.data + _DOUBTED)
    counts.data = (np.maximum(values, 0.0) * trust).astype(np.float32)
    information = counts.tocsr()
    information.eliminate_zeros()
    return (information + information.T) / 2


def _of_one_length(vectors):
    roots = np.sqrt(np.mean(vectors**2, axis=1, keepdims=True))
    return np.where(roots > 1e-6, vectors / np.maximum(roots, 1e-6), 0.0)
