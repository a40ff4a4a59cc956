"""Documents as token ids, with a mark where each word begins."""

from collections.abc import Iterable, Iterator

import numpy as np
from tokenizers import Encoding, Tokenizer

from bert_cpu.data.pretraining.coverage import Coverage
from bert_cpu.data.pretraining.pieces import Pieces
from bert_cpu.text.segment_chinese import segment_chinese

# Enough sentences that the tokenizer's threads have work, few enough to hold.
_BATCH_SIZE = 2000

# A sentence: int32 `(2, tokens)`, token ids over 1 where a word begins and else 0.
Document = list[np.ndarray]


def tokenize_documents(
    documents: Iterable[list[str]],
    tokenizer: Tokenizer,
    pieces: Pieces,
    coverage: Coverage,
) -> Iterator[Document]:
    """Tokenizes sentences, and groups their tokens into words.

    The pieces of a word are masked together: to guess `##ing` after `film` teaches
    little. Chinese words are several characters, each a token. jieba tells where
    they begin; the vocabulary is still one of characters.

    Args:
        documents: lists of sentences.
        tokenizer: of BERT. It is left as it is.
        pieces: of its vocabulary.
        coverage: counts what the vocabulary does not know.

    Returns:
        Iterator over documents: for each sentence with a token, an int32
        `(2, tokens)` of ids and word starts. A document without one is left out.

    Reference: Cui et al. 2019, https://arxiv.org/abs/1906.08101.
    """
    plain = Tokenizer.from_str(tokenizer.to_str())
    plain.no_padding()
    plain.no_truncation()
    for batch in _batches(documents):
        sentences = [sentence for document in batch for sentence in document]
        encodings = plain.encode_batch(sentences, add_special_tokens=False)
        coverage.add(sentences, encodings)
        tokenized = map(_mark_words, sentences, encodings, [pieces] * len(sentences))
        for document in batch:
            marked = [next(tokenized) for _ in document]
            if kept := [sentence for sentence in marked if sentence.size]:
                yield kept


def _batches(documents):
    batch, num_sentences = [], 0
    for document in documents:
        batch.append(document)
        num_sentences += len(document)
        if num_sentences >= _BATCH_SIZE:
            yield batch
            batch, num_sentences = [], 0
    if batch:
        yield batch


def _mark_words(sentence: str, encoding: Encoding, pieces: Pieces) -> np.ndarray:
    ids = np.array(encoding.ids, np.int32)
    starts = ~pieces.is_continuation[ids]
    is_han = _is_han(sentence)
    # Only where one follows another can a word have several.
    if (is_han[1:] & is_han[:-1]).any():
        places = np.array([begin for begin, _ in encoding.offsets])
        starts &= ~_goes_on(sentence, is_han)[places]
    return np.stack([ids, starts.astype(np.int32)])


def _goes_on(sentence, is_han):
    """Whether a character and the one before are Chinese, and of one word."""
    goes_on = np.zeros(len(sentence), bool)
    goes_on[1:] = is_han[1:] & is_han[:-1]
    lengths = [len(word) for word in segment_chinese(sentence)]
    goes_on[np.cumsum(lengths[:-1], dtype=int)] = False
    return goes_on


def _is_han(sentence):
    """bool `(characters,)`: Unicode's ideographs, each a token of its own in BERT."""
    codes = np.frombuffer(sentence.encode("utf-32-le"), np.uint32)
    is_rare = (codes >= 0x20000) & (codes < 0x32000)
    is_compatible = (codes >= 0xF900) & (codes < 0xFB00)
    return (codes >= 0x3400) & (codes < 0xA000) | is_rare | is_compatible
