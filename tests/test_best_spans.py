"""Spans found in windows of tokens, beside brute force over all of them."""

import unicodedata

import numpy as np
import pytest
import tiny_questions
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.text.best_spans import best_spans

TEXT = st.text(
    tiny_questions.LETTERS + "éÉ각İ🐈\u0301\ufe0f\u200d ａ，。#", max_size=30
)


def brute_force(text, windows, logits, most_pieces):
    """Every span of every window, each with its best sum."""
    sums = {}
    for window, each in zip(windows, logits, strict=True):
        for first in range(len(window)):
            for last in range(first, min(first + most_pieces, len(window))):
                if window.sequence_ids[first] == window.sequence_ids[last] == 1:
                    start, end = window.offsets[first][0], window.offsets[last][1]
                    while text[end : end + 1] and unicodedata.combining(text[end]):
                        end += 1
                    total = float(each[first, 0] + each[last, 1])
                    sums.setdefault((start, end), []).append(total)
    return {span: max(totals) for span, totals in sums.items()}


@given(
    text=st.text("abc上海é ", max_size=40),
    max_length=st.integers(8, 30),
    most_pieces=st.integers(1, 12),
    num_best=st.integers(1, 30),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_best_spans_are_those_of_brute_force(
    text, max_length, most_pieces, num_best, seed
):
    windows = tiny_questions.read_windows("ab", text, max_length, stride=2)
    random = np.random.default_rng(seed)
    logits = [random.normal(size=(len(window), 2)) for window in windows]
    found = best_spans(text, windows, logits, most_pieces, num_best)
    expected = brute_force(text, windows, logits, most_pieces)
    best = sorted(expected, key=expected.get, reverse=True)[:num_best]
    assert [span for span, _ in found] == best
    assert [total for _, total in found] == [expected[span] for span in best]


@given(text=TEXT, seed=st.integers(0, 2**32 - 1))
def test_a_span_begins_and_ends_with_whole_characters_of_the_text(text, seed):
    windows = tiny_questions.read_windows("ab", text, 16, stride=3)
    random = np.random.default_rng(seed)
    logits = [random.normal(size=(len(window), 2)) for window in windows]
    for (start, end), _ in best_spans(text, windows, logits, 5, 50):
        cut = text[start:end]
        assert cut
        assert cut == cut.strip()
        # No accent is left behind, and none stands without its letter.
        assert not unicodedata.combining(text[end : end + 1] or " ")


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("a cafe\u0301 b", "cafe", "cafe\u0301"),
        ("a नमस्ते b", "नमस्त", "नमस्ते"),
        ("a ❤\ufe0f b", "❤", "❤\ufe0f"),
    ],
)
def test_accents_that_the_tokenizer_drops_stay_with_their_letter(text, word, expected):
    (window,) = tiny_questions.read_windows("ab", text, 30)
    logits = np.zeros((len(window), 2))
    at = text.index(word)
    for token, (start, end) in enumerate(window.offsets):
        if window.sequence_ids[token] == 1:
            logits[token] = float(start == at), float(end == at + len(word))
    ((start, end), total), *_ = best_spans(text, [window], [logits], 30, 1)
    assert (text[start:end], total) == (expected, 2.0)


def test_a_span_that_two_windows_hold_comes_once_with_its_higher_sum():
    text = "a b c a b c"
    first, second = tiny_questions.read_windows("ab", text, 9, stride=2)
    logits = [np.full((9, 2), 2.0), np.full((9, 2), 1.0)]
    assert [window.tokens[4:-1] for window in (first, second)] == [
        ["a", "b", "c", "a"],
        ["c", "a", "b", "c"],
    ]
    found = best_spans(text, [first, second], logits, 1, 9)
    assert [start for (start, _), _ in found] == [0, 2, 4, 6, 8, 10]
    assert [total for _, total in found] == [4.0, 4.0, 4.0, 4.0, 2.0, 2.0]


def test_a_text_with_no_token_has_no_span():
    for text in ("", "  ", "\u200d"):
        (window,) = tiny_questions.read_windows("ab", text, 9)
        logits = [np.ones((len(window), 2))]
        assert best_spans(text, [window], logits, 30, 20) == []
