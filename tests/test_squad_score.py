"""SQuAD's exact match and F1, beside another way to count them, and by hand."""

import re
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.text.squad_score import squad_score

WORD = st.sampled_from(
    ["the", "The", "a", "an", "cat's", "U.S.", "$5,000", "café", "–", "«x»", "", "sat"]
)
PHRASE = st.lists(WORD, max_size=5).map(" ".join)
HAN = st.text("上海在《》，。（） \u3000a1É-", max_size=8)


def longhand_tokens(text, is_chinese):
    """One character at a time, with no regular expression over the whole text."""
    words, word = [], ""
    for each in text.lower():
        is_mark = each in string.punctuation
        if is_chinese and unicodedata.category(each).startswith("P"):
            is_mark = True
        is_han = is_chinese and unicodedata.name(each, "").startswith("CJK UNIFIED")
        if is_mark:
            continue
        if each.isspace() or is_han:
            words.append(word)
            word = ""
        if is_han:
            words.append(each)
        elif not each.isspace():
            word += each
    words = [each for each in [*words, word] if each]
    return words if is_chinese else [w for w in words if w not in ("a", "an", "the")]


def longhand_score(answer, truths, is_chinese):
    said = longhand_tokens(answer, is_chinese)
    rights = [longhand_tokens(truth, is_chinese) for truth in truths]
    rights = list(filter(None, rights)) or [[]]
    scores = [0.0]
    for right in rights:
        left, hits = list(right), 0
        for token in said:
            if token in left:
                left.remove(token)
                hits += 1
        if hits:
            precision, recall = hits / len(said), hits / len(right)
            scores.append(2 * precision * recall / (precision + recall))
        elif said == right:
            scores.append(1.0)
    return max(scores), float(any(said == right for right in rights))


@given(answer=PHRASE, truths=st.lists(PHRASE, max_size=3))
def test_english_is_counted_word_by_word(answer, truths):
    expected = longhand_score(answer, truths, False)
    assert squad_score(answer, truths, "Who?") == pytest.approx(expected)


@given(answer=HAN, truths=st.lists(HAN, max_size=3))
def test_chinese_is_counted_character_by_character(answer, truths):
    expected = longhand_score(answer, truths, True)
    assert squad_score(answer, truths, "谁？") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "truths", "f1", "exact"),
    [
        ("The cat.", ["cat"], 1, 1),
        ("cat", ["a black cat", "the dog"], 2 / 3, 0),
        ("Denver, Broncos", ["denver broncos"], 1, 1),
        ("5,000", ["5000"], 1, 1),
        # An article within a word is none.
        ("theatre", ["atre"], 0, 0),
        ("x x y", ["x y y"], 4 / 6, 0),
        ("y x", ["x y"], 1, 0),
        ("dog", ["cat"], 0, 0),
        # The best of each, even of two different answers.
        ("a b c", ["c b", "b c d e", "z"], 1, 0),
        # No answer.
        ("", [], 1, 1),
        ("cat", [], 0, 0),
        ("", ["cat"], 0, 0),
        # An answer that leaves no word is none, as in SQuAD 2.0.
        ("", ["the"], 1, 1),
        ("the", ["the", "cat"], 0, 0),
    ],
)
def test_scores_counted_by_hand(answer, truths, f1, exact):
    assert squad_score(answer, truths) == (pytest.approx(f1), exact)


@pytest.mark.parametrize(
    ("answer", "truths", "question", "f1", "exact"),
    [
        ("上海", ["上海市"], "", 4 / 5, 0),
        ("《战国》。", ["战国"], "", 1, 1),
        ("2008年8月", ["2008 年 8 月"], "", 1, 1),
        ("2008", ["2008年"], "", 2 / 3, 0),
        ("１２，３", ["１２３年"], "", 2 / 3, 0),
        ("𠮷野家", ["𠮷野"], "", 4 / 5, 0),
        # A is no article in Chinese: the question tells.
        ("A", ["A"], "哪种维生素？", 1, 1),
        ("维生素A", ["维生素 A"], "", 1, 1),
        ("", ["上海"], "", 0, 0),
        ("", [], "谁？", 1, 1),
    ],
)
def test_chinese_scores_counted_by_hand(answer, truths, question, f1, exact):
    assert squad_score(answer, truths, question) == (pytest.approx(f1), exact)


@given(answer=PHRASE | HAN, truths=st.lists(PHRASE | HAN, max_size=3))
def test_what_is_exact_has_all_of_f1_and_a_right_answer_is_exact(answer, truths):
    f1, exact = squad_score(answer, truths)
    assert 0 <= exact <= f1 <= 1
    for truth in truths:
        if re.search(r"[^\W_]{4}", truth):  # It leaves a word.
            assert squad_score(truth, truths) == (1, 1)
