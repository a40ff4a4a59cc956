"""What is remembered of words gives the ids of the tokenizer, for any text."""

import json

import pytest
import tiny_records
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
from transformers import BertTokenizerFast

from bert_cpu.errors import UserError
from bert_cpu.text import chunk_ids, remembering_reader
from bert_cpu.text.chunk_ids import ChunkIds, parts_at_spaces
from bert_cpu.text.chunk_memory import PlainChunkMemory
from bert_cpu.text.remembering_reader import (
    RememberingLater,
    RememberingReader,
    Tokens,
    is_remembered,
)
from bert_cpu.text.windows import WindowReader, uncut

# All that Python or Unicode takes for white space, and what is removed and so joins
# what is beside it; accents that stand alone; letters whose lower case is two, or
# depends on the place; words that the tokenizer has for itself.
PIECES = st.sampled_from(
    [
        *(" \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2003\u200a\u2028\u2029"),
        *("\u202f\u205f\u3000\u200b\u200c\u200d\u2060\ufeff\x00\x01\x7f\ufffd\u00ad"),
        *("\u0301\u0308\u0345\u05b0\u0f71\u20dd\u3099\u1161\u11a8\ufe0f\U000e0100"),
        *("aAbéÉİıßẞΣςσǅﬁÅÅ好電影한각\U0001f600\U00020000.,!'-[]#"),
        *("[MASK]", "[SEP]", "[CLS]", "[PAD]", "[UNK]", "[mask]", "[ SEP]", "##ing"),
        *("film", "films", "loving", "love", "  ", "x" * 101),
    ]
)
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text(
    st.characters(codec="utf-8"), max_size=60
)
LENGTHS = st.integers(3, 24)
KINDS = {
    "uncased": {},
    "cased": {"do_lower_case": False},
    "accents": {"do_lower_case": True, "strip_accents": False},
    "no accents": {"do_lower_case": False, "strip_accents": True},
    "joined": {"tokenize_chinese_chars": False},
}


def tokenizer(kind="uncased"):
    return uncut(tiny_records.tokenizer(**KINDS[kind]).backend_tokenizer)


CHUNK_IDS = {kind: ChunkIds(tokenizer(kind)) for kind in KINDS}
PLAIN_CHUNK_IDS = {kind: ChunkIds(tokenizer(kind)) for kind in KINDS}
for each in PLAIN_CHUNK_IDS.values():
    each._memory = PlainChunkMemory(80_000, 64)


@pytest.mark.parametrize("kind", KINDS)
@given(texts=st.lists(TEXTS, max_size=5))
@example(texts=["[MASK]ing \u0301a a\x85b c\u00a0d\u200be \x1cf", " ", ""])
@example(texts=["Σ Σ", "aΣ b", "a\u0345 \u0301", "[SEP][SEP] [MASK]a[CLS]"])
def test_ids_are_those_of_the_tokenizer(kind, texts):
    # One memory for all examples, so that most words have been met before.
    encodings = tokenizer(kind).encode_batch(texts, add_special_tokens=False)
    expected = [each.ids for each in encodings]
    assert CHUNK_IDS[kind](texts) == PLAIN_CHUNK_IDS[kind](texts) == expected


@given(st.lists(TEXTS, min_size=1, max_size=4), LENGTHS)
def test_readings_are_those_of_a_window_reader(texts, max_length):
    plain = WindowReader(tokenizer(), max_length)
    reader = RememberingReader(lambda: plain, tokenizer(), max_length, str.swapcase)
    pairs = [(text, None) for text in texts]
    swapped = [(text.swapcase(), None) for text in texts]
    for actual, expected in zip(reader(pairs), plain(swapped), strict=True):
        (window,), (encoding,) = actual.windows, expected.windows
        assert window.ids == encoding.ids
        assert window.type_ids == encoding.type_ids
        assert (actual.is_cut, actual.is_empty) == (expected.is_cut, expected.is_empty)


def test_a_full_memory_is_emptied(monkeypatch):
    monkeypatch.setattr(chunk_ids, "_MOST_CHUNKS", 3)
    read = ChunkIds(tokenizer())
    for text in ("a b c", "d e f", "a d", "love film"):
        encoding = tokenizer().encode(text, add_special_tokens=False)
        assert read([text]) == [encoding.ids]
        assert len(read._memory) <= 3


def test_texts_of_new_words_are_left_to_the_tokenizer():
    read = ChunkIds(tokenizer())
    for number in range(3):
        assert read.pays
        read([f"電影好{number}" * 5])
    assert not read.pays
    # One batch of known words, and it was no habit.
    read = ChunkIds(tokenizer())
    for text in ("love", "film", "film film", "a", "b"):
        read([text])
    assert read.pays


def test_pairs_and_what_does_not_pay_are_read_by_the_tokenizer():
    plain = WindowReader(tokenizer(), 8)
    reader = RememberingReader(lambda: plain, tokenizer(), 8, str)
    (pair,) = reader([("a b", "love film a b c")])
    (expected,) = plain([("a b", "love film a b c")])
    assert pair.windows[0].ids == expected.windows[0].ids
    for number in range(5):
        (reading,) = reader([(f"好{number}", None)])
        assert reading.windows[0].ids == tokenizer().encode(f"好{number}").ids


def test_half_a_surrogate_pair_is_refused_as_ever():
    plain = WindowReader(tokenizer(), 8)
    reader = RememberingReader(lambda: plain, tokenizer(), 8, str)
    with pytest.raises(UserError, match="half of a surrogate pair"):
        reader([("a \ud83d", None)])


def test_bert_is_known_and_all_else_is_not():
    for kind in KINDS:
        assert is_remembered(tokenizer(kind))
    for change in (
        lambda it: it.add_tokens(["a b"]),
        lambda it: it.add_tokens([AddedToken("word", normalized=True)]),
        lambda it: it.add_tokens([AddedToken("w", normalized=False, lstrip=True)]),
        lambda it: it.add_tokens([AddedToken("w", normalized=False, rstrip=True)]),
        lambda it: it.add_tokens([AddedToken("w", normalized=False, single_word=True)]),
        lambda it: setattr(it, "normalizer", normalizers.NFKC()),
        lambda it: setattr(it, "normalizer", normalizers.BertNormalizer(False)),
        lambda it: setattr(it, "pre_tokenizer", pre_tokenizers.Whitespace()),
    ):
        other = tokenizer()
        change(other)
        assert not parts_at_spaces(other)
    bare = json.loads(tokenizer().to_str()) | {"post_processor": None}
    assert not is_remembered(Tokenizer.from_str(json.dumps(bare)))


def test_a_word_of_its_own_without_spaces_is_no_hindrance():
    special = AddedToken("<user>", normalized=False, special=True)
    fast = BertTokenizerFast(
        vocab={word: number for number, word in enumerate(tiny_records.VOCABULARY)}
    )
    fast.add_tokens([special], special_tokens=True)
    own = uncut(fast.backend_tokenizer)
    assert parts_at_spaces(own)
    # One whose beginning is the end of another, too.
    own.add_special_tokens([AddedToken("b[PAD]", normalized=False, special=True)])
    for text in ("a<user>b <user> love<user", "b [PAD] a b[PAD] [PAD]b", "a b"):
        expected = own.encode(text, add_special_tokens=False).ids
        assert ChunkIds(own)([text]) == [expected]


def test_words_are_remembered_once_there_were_many_characters(monkeypatch):
    monkeypatch.setattr(remembering_reader, "_MANY_CHARACTERS", 10)
    own = tokenizer()
    plain, made = WindowReader(own, 8), []

    def make():
        made.append(RememberingReader(lambda: plain, uncut(own), 8, str))
        return made[-1]

    read = RememberingLater(plain, make)
    pairs = [("love", "film " * 9)] * 3
    texts = [("love film", None)]
    assert [len(each.windows[0]) for each in read(pairs)] == [8, 8, 8]
    assert read(texts)[0].windows[0].ids == plain(texts)[0].windows[0].ids
    assert not made
    for _ in range(2):
        (reading,) = read(texts)
        assert isinstance(reading.windows[0], Tokens)
        assert reading.windows[0].ids == plain(texts)[0].windows[0].ids
    assert len(made) == 1


def test_where_words_are_no_parts_the_plain_reader_stays(monkeypatch):
    monkeypatch.setattr(remembering_reader, "_MANY_CHARACTERS", 1)
    plain = WindowReader(tokenizer(), 8)
    read = RememberingLater(plain, lambda: None)
    for _ in range(2):
        assert not isinstance(read([("love", None)])[0].windows[0], Tokens)


@pytest.mark.parametrize(
    "task",
    [{"too_long": "text"}, {"reads_apart": True}, {"stand_ins": {"a": "b"}}],
)
def test_what_needs_more_than_ids_is_not_remembered(task):
    own = tokenizer()
    assert is_remembered(own)
    assert not is_remembered(own, **task)
