"""Packing: full sequences, true neighbours, true strangers, and nothing lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import BertTokenizerFast

from bert_cpu.data.pretraining.coverage import Coverage
from bert_cpu.data.pretraining.full_sequences import pack_full_sequences
from bert_cpu.data.pretraining.pairs import pack_pairs
from bert_cpu.data.pretraining.pieces import Pieces
from bert_cpu.data.pretraining.tokenized import tokenize_documents
from bert_cpu.errors import UserError

SEP = 3


def documents_of(lengths):
    """Documents of sentences of so many tokens, each token with an id of its own."""
    number, documents = 100, []
    for sentence_lengths in lengths:
        document = []
        for length in sentence_lengths:
            ids = np.arange(number, number + length, dtype=np.int32)
            document.append(np.stack([ids, np.ones_like(ids)]))
            number += length
        documents.append(document)
    return documents


LENGTHS = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=9), min_size=2)


def long_documents(number=200):
    random = np.random.default_rng(0)
    return documents_of(random.integers(3, 20, (number, 30)).tolist())


def owners(documents):
    """id of a token -> (document, sentence)."""
    return {
        int(token): (number, place)
        for number, document in enumerate(documents)
        for place, sentence in enumerate(document)
        for token in sentence[0]
    }


@given(LENGTHS, st.integers(5, 40), st.integers(0, 9), st.integers(2, 5))
def test_a_segment_is_in_a_row_from_one_document(lengths, max_length, seed, buffer):
    documents = documents_of(lengths)
    owner = owners(documents)
    for pair in pack_pairs(documents, max_length, seed, buffer_size=buffer):
        homes = []
        for segment in (pair.first, pair.second):
            ids = segment[0].tolist()
            assert ids == list(range(ids[0], ids[0] + len(ids)))
            homes.append({owner[token][0] for token in ids})
        first, second = homes
        assert len(first) == len(second) == 1
        assert (first != second) is pair.is_random_next
        assert pair.first.shape[1] + pair.second.shape[1] <= max_length - 3


def test_a_neighbour_begins_where_the_first_segment_ended():
    documents = long_documents()
    owner = owners(documents)
    for pair in pack_pairs(documents, 400, seed=0):
        if not pair.is_random_next and pair.first.shape[1] + pair.second.shape[1] < 397:
            before, after = pair.first[0, -1], pair.second[0, 0]
            assert after == before + 1
            assert owner[after][1] == owner[before][1] + 1


@pytest.mark.parametrize("sentences", [30, 3])
def test_half_of_the_seconds_are_strangers(sentences):
    documents = [document[:sentences] for document in long_documents(500)]
    pairs = list(pack_pairs(documents, 64, seed=1))
    share = np.mean([pair.is_random_next for pair in pairs])
    assert share == pytest.approx(0.5, abs=0.02)


def test_lone_sentences_get_strangers():
    documents = documents_of([[5]] * 20)
    assert all(pair.is_random_next for pair in pack_pairs(documents, 64, seed=0))


def test_every_sentence_is_in_a_first_or_second_of_its_own():
    documents = documents_of([[4, 5, 6, 7]] * 50)
    seen = set()
    for pair in pack_pairs(documents, 64, seed=0):
        seen.update(pair.first[0].tolist())
        if not pair.is_random_next:
            seen.update(pair.second[0].tolist())
    assert seen == set(owners(documents))


def test_most_sequences_are_full_and_a_tenth_is_short():
    # Of thousands of sentences, so that few pairs meet a document's end.
    documents = documents_of([[7] * 3000] * 5)
    sizes = np.array(
        [p.first.shape[1] + p.second.shape[1] for p in pack_pairs(documents, 128, 0)]
    )
    # Short goals are even from 2 to 125; a sequence ends with a whole sentence.
    assert np.mean(sizes < 105) == pytest.approx(0.08, abs=0.02)
    assert np.mean(sizes == 125) > 0.85


def test_both_ends_are_cut():
    documents = documents_of([[100], [100]])
    begins = set()
    for seed in range(10):
        for pair in pack_pairs(documents, 23, seed, short_share=0.0):
            assert pair.first.shape == pair.second.shape == (2, 10)
            begins.add(int(pair.first[0, 0]) % 100)
    assert min(begins) < 45 < max(begins)


def as_lists(packed):
    return [(p.first.tolist(), p.second.tolist(), p.is_random_next) for p in packed]


def test_a_seed_fixes_pairs_and_another_changes_them():
    documents = long_documents(20)
    first, again, other = (as_lists(pack_pairs(documents, 64, s)) for s in (0, 0, 1))
    assert first == again
    assert first != other


def test_documents_are_read_as_they_are_needed():
    read = []
    documents = long_documents(100)
    stream = (read.append(number) or d for number, d in enumerate(documents))
    next(pack_pairs(stream, 64, 0, buffer_size=10))
    assert len(read) == 21


def test_one_document_is_refused():
    with pytest.raises(UserError, match=r"two documents.*there is one.*Give more"):
        list(pack_pairs(documents_of([[3, 3]]), 64, 0))


@given(LENGTHS, st.integers(4, 40))
def test_no_token_is_lost_without_pairs(lengths, max_length):
    documents = documents_of(lengths)
    packed = list(pack_full_sequences(documents, max_length, SEP))
    ids = [token for each in packed for token in each.first[0] if token != SEP]
    assert ids == list(owners(documents))
    owner = owners(documents)
    for each in packed:
        tokens = each.first[0].tolist()
        assert each.second is None
        assert SEP not in (tokens[0], tokens[-1])
        for left, right in zip(tokens, tokens[1:], strict=False):
            if SEP not in (left, right):
                assert owner[left][0] == owner[right][0]
        # One place short where only a border would have filled it.
        if each is not packed[-1]:
            assert len(tokens) in (max_length - 2, max_length - 3)


WORDS = ("我", "们", "今", "天", "很", "高", "兴", "film", "##ing", "##s", "。", "-")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@pytest.fixture(scope="module")
def tokenize():
    vocabulary = {word: number for number, word in enumerate(SPECIAL + WORDS)}
    tokenizer = BertTokenizerFast(vocab=vocabulary).backend_tokenizer
    # Settings that a checkpoint may come with, and that must not matter.
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=9)

    def run(documents):
        pieces, coverage = Pieces(vocabulary), Coverage(tokenizer)
        return list(tokenize_documents(documents, tokenizer, pieces, coverage))

    assert isinstance(tokenizer, Tokenizer)
    return run


@pytest.mark.parametrize(
    "text, starts",
    [
        # jieba: 我们 今天 很 高兴 。
        ("我们今天很高兴。", [1, 0, 1, 0, 1, 1, 0, 1]),
        ("filming films-filming", [1, 0, 1, 0, 1, 1, 0]),
        ("我们 filming高兴", [1, 0, 1, 0, 1, 0]),
        # 们龘 are unknown to jieba as a word; an unknown character is one token.
        ("很龘", [1, 1]),
        ("𠀀𠀀高兴", [1, 1, 1, 0]),
    ],
)
def test_words_begin_where_jieba_and_pieces_say(tokenize, text, starts):
    [[sentence]] = tokenize([[text]])
    assert sentence[1].tolist() == starts


@given(st.text("我们今天很高兴filmings。-龘𠀀é\u0301Ａ\u200b \t"))
def test_only_pieces_and_chinese_characters_go_on(tokenize, text):
    for [sentence] in tokenize([[text]]):
        tokens = [(SPECIAL + WORDS)[number] for number in sentence[0]]
        for number, token in enumerate(tokens):
            if sentence[1, number]:
                assert not token.startswith("##")
            elif not token.startswith("##"):
                # An unknown token may be a rare character of a word.
                assert {token, tokens[number - 1]} <= {*"我们今天很高兴", "[UNK]"}
                assert number > 0


def test_sentences_without_tokens_are_left_out(tokenize):
    documents = tokenize([["\u200b", "很"], ["\u200b"], ["film"]])
    assert [[s[0].tolist() for s in document] for document in documents] == [
        [[9]],
        [[12]],
    ]


def test_batches_keep_documents_apart(tokenize):
    documents = [["film"] * (number % 5 + 1) for number in range(3000)]
    assert [len(document) for document in tokenize(documents)] == [
        len(document) for document in documents
    ]
