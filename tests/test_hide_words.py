"""Words are hidden whole, and what is hidden can be put back."""

import pytest
import tiny_words
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.tasks.parts.hide_words import MOST_MASKS, hide_words
from bert_cpu.text.special_tokens import MASK

TOKENIZER = tiny_words.tokenizer()
# Three words of one, two and three tokens, and two that the vocabulary lacks.
PIECES = ("film", "lovely", "unwatchable", "zebra", "猫")


def example(text, label=None):
    return Example(text, None, label, "a.csv line 2")


def posed(text, label=None):
    return hide_words(example(text, label), TOKENIZER)


# Spaces, accents and emoji between words, and none at all in Chinese.
texts = st.lists(
    st.sampled_from((*PIECES, "Café", "don't", "这家酒店", "🙂", "\t", "GOOD", "!"))
    | st.text(max_size=5)
).map(" ".join)


@given(texts.filter(lambda text: "[" not in text))
def test_masked_tokens_are_the_texts_with_some_replaced(text):
    hidden = posed(text)
    before, after = TOKENIZER.encode(text).tokens, TOKENIZER.encode(hidden.text).tokens
    tokens = iter(hidden.label)
    assert [next(tokens) if t == MASK else t for t in after] == before
    assert next(tokens, None) is None


@given(texts.filter(lambda text: "[" not in text))
def test_words_are_hidden_whole_and_only_those_that_are_known(text):
    hidden = posed(text)
    words = TOKENIZER.encode(text).word_ids
    masked = [t == MASK for t in TOKENIZER.encode(hidden.text).tokens]
    for word in {word for word in words if word is not None}:
        assert len({m for w, m in zip(words, masked, strict=True) if w == word}) == 1
    assert "[UNK]" not in hidden.label
    known = set(TOKENIZER.encode(text).tokens) - {"[UNK]", "[CLS]", "[SEP]"}
    assert len(hidden.label) <= MOST_MASKS
    assert bool(hidden.label) == bool(known)


@pytest.mark.parametrize(
    "text, number",
    [
        ("the film was good .", 1),
        ("the film was good . " * 4, 3),
        ("这家酒店很好。" * 3, 3),
        ("the film was good . " * 40, MOST_MASKS),
    ],
)
def test_fifteen_percent_are_hidden_and_at_least_one(text, number):
    assert posed(text).text.count(MASK) == number


def test_the_same_text_hides_the_same_and_other_texts_other_words():
    long = "the film was good . " * 4
    assert posed(long) == posed(long)
    places = {posed(long + ending).text[:80] for ending in ("", "i", "it", "love")}
    assert len(places) > 1


def test_masks_that_a_user_wrote_stay_and_their_words_become_tokens():
    given = posed(
        "the [MASK] was [MASK] [MASK] . 很[MASK]", ["Film", "love", "##ly", "好"]
    )
    assert given.text == "the [MASK] was [MASK] [MASK] . 很[MASK]"
    assert given.label == ["film", "love", "##ly", "好"]


@pytest.mark.parametrize(
    "text, words, message",
    [
        (
            "the [MASK] was [MASK]",
            ["film"],
            r"a.csv line 2 has 2 \[MASK\] in its text and 1 words for them, but as "
            "many were expected, and 8 at most. Mend the row.",
        ),
        ("[MASK]" * 9, ["film"] * 9, r"has 9 \[MASK\] in its text and 9 words"),
        (
            "it was [MASK]",
            ["unwatchable"],
            r"the word 'unwatchable' for a \[MASK\], but this encoder reads it as un "
            r"##watch ##able. Give a word of its vocabulary, or a \[MASK\] for each",
        ),
        (
            "[MASK]。",
            ["猫"],
            r"the word '猫' for a \[MASK\], but .* reads it as \[UNK\]",
        ),
    ],
)
def test_words_that_do_not_fit_are_explained(text, words, message):
    with pytest.raises(UserError, match=message):
        posed(text, words)


def test_a_tokenizer_without_a_mask_is_explained():
    model = tiny_words.tokenizers.models.WordPiece({"a": 0}, unk_token="a")
    with pytest.raises(UserError, match=r"tokenizer has no \[MASK\], so it can't be"):
        hide_words(example("a"), tiny_words.tokenizers.Tokenizer(model))
