"""Texts become the ids that the original's tokenizer gives, and no others."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tiny_records import ReadAll, examples_of, tokenizer

from bert_cpu.data.features import Featurizer
from bert_cpu.tasks.classify import Classify
from bert_cpu.text.preprocess import Preprocess
from bert_cpu.text.windows import tokenizer_sha256

# Anything that UTF-8 can hold, and text in which most words are known.
TEXTS = st.text(st.characters(codec="utf-8"), max_size=60) | st.text(
    "aby lovefilming.!'[SEPCLS]好é한\u0301\u200b\x00\ud7ff", max_size=60
)
LENGTHS = st.integers(3, 24)


LABELS = {"other": 0, "x": 1}


def features_of(rows, max_length=16, task=None, **settings):
    featurizer = Featurizer(
        task or Classify(),
        LABELS,
        tokenizer().backend_tokenizer,
        max_length,
        **settings,
    )
    return list(featurizer(examples_of(rows)))


def only_window(features):
    (window,) = features.windows
    assert window.targets == {"label": 1}
    return window


@given(TEXTS, LENGTHS)
@example("", 3)
@example("[CLS] a [SEP] [MASK] b", 5)
@example("x" * 101, 8)
@example("\U0001f600\u0301 İ ẞ ﬁ", 24)
def test_one_text_has_the_ids_of_transformers(text, max_length):
    (actual,) = features_of([(text, "x")], max_length)
    expected = tokenizer()(text, truncation=True, max_length=max_length)
    if actual.is_empty:
        # There is nothing to learn from it.
        assert actual.windows == []
        assert len(expected["input_ids"]) == 2
    else:
        window = only_window(actual)
        assert window.input_ids == expected["input_ids"]
        assert window.token_type_ids == expected["token_type_ids"]


@given(TEXTS, TEXTS, st.integers(5, 24))
@example("a b c d e f", "g", 6)
@example("", "a", 5)
@example("a a a a", "b b b b", 8)
def test_a_pair_has_the_ids_of_transformers(text, second, max_length):
    (actual,) = features_of([(text, second, "x")], max_length)
    # Alone, an empty second text is taken for none; in a list it is a text.
    expected = tokenizer()(
        [text], [second], truncation="longest_first", max_length=max_length
    )
    if actual.is_empty:
        assert actual.windows == []
        assert [tokenizer()(each)["input_ids"][1:-1] for each in (text, second)] == [
            [],
            [],
        ]
    else:
        window = only_window(actual)
        assert window.input_ids == expected["input_ids"][0]
        assert window.token_type_ids == expected["token_type_ids"][0]


@given(TEXTS, st.none() | TEXTS, st.integers(5, 24))
def test_a_text_is_called_cut_exactly_if_tokens_are_missing(text, second, max_length):
    (actual,) = features_of(
        [(text, "x") if second is None else (text, second, "x")], max_length
    )
    second_texts = None if second is None else [second]
    whole = len(tokenizer()([text], second_texts)["input_ids"][0])
    assert actual.is_cut == (whole > max_length)
    for window in actual.windows:
        assert len(window.input_ids) == min(whole, max_length)


@given(TEXTS, LENGTHS)
def test_what_is_left_of_a_cut_text_is_its_beginning(text, max_length):
    (actual,) = features_of([(text, "x")], max_length)
    whole = tokenizer()(text, return_offsets_mapping=True)
    if actual.is_empty:
        assert len(whole["input_ids"]) == 2
        return
    kept_ids = only_window(actual).input_ids
    num_kept = len(kept_ids) - 1
    assert kept_ids == [
        *whole["input_ids"][:num_kept],
        tokenizer().sep_token_id,
    ]
    # [CLS] and [SEP], at the two ends, stand at (0, 0).
    starts = [start for start, _ in whole["offset_mapping"]][1:-1]
    kept, lost = starts[: num_kept - 1], starts[num_kept - 1 :]
    assert bool(lost) == actual.is_cut
    # What was lost stands behind all that was kept, or in the same character.
    assert max(kept, default=0) <= min(lost, default=len(text))


@pytest.mark.parametrize(
    "row, is_empty",
    [
        (("", "x"), True),
        ((" \t\n\u200b\x00", "x"), True),
        ((".", "x"), False),
        (("☃", "x"), False),
        (("", "", "x"), True),
        ((" ", "a", "x"), False),
        (("a", "", "x"), False),
    ],
)
def test_a_text_is_empty_if_it_has_no_token(row, is_empty):
    assert features_of([row])[0].is_empty == is_empty


def test_order_and_number_survive_many_batches():
    rows = [(str(number), "x") for number in range(2005)]
    actual = features_of(rows)
    assert [f.example.text for f in actual] == [text for text, _ in rows]
    assert only_window(actual[1999]).input_ids == tokenizer()("1999")["input_ids"]


def test_no_texts_give_no_features():
    assert features_of([]) == []


def test_both_texts_are_preprocessed():
    preprocess = Preprocess(normalize=True)
    (actual,) = features_of([("ａ", "ｂ", "x")], preprocess=preprocess)
    assert only_window(actual).input_ids == tokenizer()("a", "b")["input_ids"]
    # The example itself keeps what was written, for reports.
    assert actual.example.text == "ａ"


def test_the_tokenizer_that_was_given_stays_as_it_is():
    before = tokenizer().backend_tokenizer.to_str()
    features_of([("a b c d e f", "x")], max_length=4)
    assert tokenizer().backend_tokenizer.to_str() == before


def test_the_digest_tells_tokenizers_apart():
    plain = tokenizer_sha256(tokenizer().backend_tokenizer)
    again = tokenizer(do_lower_case=True).backend_tokenizer
    assert plain == tokenizer_sha256(again)
    cased = tokenizer(do_lower_case=False).backend_tokenizer
    assert plain != tokenizer_sha256(cased)
    # Padding and cutting are the caller's, and no part of what it is.
    again.enable_padding(length=9)
    again.enable_truncation(7)
    assert plain == tokenizer_sha256(again)


@given(st.integers(1, 40), st.integers(0, 4))
def test_each_window_of_a_long_text_has_targets_of_its_own(num_words, stride):
    rows = [("a " * num_words, "x")]
    (actual,) = features_of(rows, 8, ReadAll(), stride=stride)
    # Six words fit, and each further window brings `6 - stride` new ones.
    expected = 1 + max(0, math.ceil((num_words - 6) / (6 - stride)))
    assert [window.targets["number"] for window in actual.windows] == list(
        range(expected)
    )
    assert not actual.is_cut


def test_an_example_that_a_task_gives_up_has_no_windows_and_counts_as_cut():
    lost, kept, empty = features_of([("a ?", "x"), ("a", "x"), ("", "x")], 8, ReadAll())
    assert (lost.windows, lost.is_cut, lost.is_empty) == ([], True, False)
    assert (len(kept.windows), kept.is_cut, kept.is_empty) == (1, False, False)
    assert (empty.windows, empty.is_cut, empty.is_empty) == ([], False, True)
