"""ASCII is read in C++ as the tokenizer reads it, whatever its vocabulary and rules."""

import json

import pytest
import tiny_records
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from bert_cpu.native.compiled import compiled
from bert_cpu.text.ascii_words import ascii_words
from bert_cpu.text.chunk_ids import ChunkIds, parts_at_spaces
from bert_cpu.text.windows import uncut

NATIVE = compiled()
if_native = pytest.mark.skipif(NATIVE is None, reason="it was not built")
RULES = json.loads(uncut(tiny_records.tokenizer().backend_tokenizer).to_str())
PIECES = st.text("abzABZ09.#@[", min_size=1, max_size=3)
WORDS = st.sampled_from(
    ["ab", "abab", "Ab.b", "[MASK]", "[mask]", "own", "no", "é", "好"]
)
TEXTS = st.lists(
    WORDS | PIECES | st.sampled_from(" \n") | st.characters(max_codepoint=127),
    max_size=20,
).map("".join)


def tokenizer(pieces, lowers, prefix, longest, own):
    rules = json.loads(json.dumps(RULES))
    special = [added["content"] for added in rules["added_tokens"]]
    rules["added_tokens"].append(rules["added_tokens"][0] | {"content": own})
    words = [*special, own, *pieces, *(prefix + piece for piece in pieces)]
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys(words))}
    for added in rules["added_tokens"]:
        added["id"] = vocabulary[added["content"]]
    rules["normalizer"]["lowercase"] = lowers
    rules["model"] |= {
        "vocab": vocabulary,
        "continuing_subword_prefix": prefix,
        "max_input_chars_per_word": longest,
    }
    return Tokenizer.from_str(json.dumps(rules))


@given(
    pieces=st.lists(PIECES, max_size=30),
    lowers=st.booleans(),
    prefix=st.sampled_from(["##", "@", ""]),
    longest=st.sampled_from([0, 1, 3, 100]),
    own=st.sampled_from(["own", "n", ".", "B#", "é"]),
    texts=st.lists(TEXTS, max_size=4),
)
@example(list("ab"), True, "##", 100, "own", ["b" * 100, "b" * 101, "AB known", "~"])
@example(list("ab"), True, "##", 100, "own", ["abz", "a\x7fb", "\x7f", "a\x1fb", "a\0"])
def test_ids_are_those_of_the_tokenizer(pieces, lowers, prefix, longest, own, texts):
    it = tokenizer(pieces, lowers, prefix, longest, own)
    assert parts_at_spaces(it)
    expected = it.encode_batch(texts, add_special_tokens=False)
    assert ChunkIds(it)(texts) == [each.ids for each in expected]


@if_native
def test_the_tokenizer_is_only_asked_for_what_is_not_ascii(monkeypatch):
    asked = []
    read = ChunkIds(tokenizer(list("ab"), True, "##", 100, "own"))
    monkeypatch.setattr(read, "_encode", lambda texts: asked.append(texts) or [])
    assert len(read(["ab Ba c, a.b", "b" * 101])) == 2
    assert asked == [[]]
    with pytest.raises(ValueError, match="argument"):
        read(["a disown"])
    with pytest.raises(ValueError, match="argument"):
        read(["a é"])


def test_without_a_word_for_unknown_ones_the_tokenizer_reads_all():
    rules = json.loads(json.dumps(RULES))
    rules["model"]["unk_token"] = "[none]"
    it = Tokenizer.from_str(json.dumps(rules))
    assert ascii_words(it) is None
    assert ChunkIds(it)(["film a"]) == [
        it.encode("film a", add_special_tokens=False).ids
    ]


@if_native
def test_wrong_rules_are_refused():
    good = ascii_words(Tokenizer.from_str(json.dumps(RULES)))
    assert len(NATIVE.ChunkMemory(1, 1, good)) == 0
    for change in (
        {"vocabulary": None},
        {"vocabulary": {"a": "1"}},
        {"vocabulary": {"a": True}},
        {"vocabulary": {"a": -1}},
        {"vocabulary": {"a": 2**31}},
        {"vocabulary": {1: 1}},
        {"vocabulary": {"\ud83d": 1}},
        {"unknown_id": -1},
        {"unknown_id": 2**70},
        {"unknown_id": "0"},
        {"prefix": 1},
        {"prefix": "\0"},
        {"longest": "1"},
        {"own": None},
        {"own": [1]},
    ):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            NATIVE.ChunkMemory(1, 1, good._replace(**change))
    with pytest.raises(TypeError):
        NATIVE.ChunkMemory(1, 1, tuple(good)[:3])
    with pytest.raises(TypeError):
        NATIVE.ChunkMemory(1, 1, list(good))
    cautious = NATIVE.ChunkMemory(9, 9, good._replace(own=[""]))
    assert cautious.read(["a"], lambda chunks: [[5]]) == [[5]]
