"""What BERT reads for the marks of entities, signs or word pieces: never the text's."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_relations import (
    CHINESE,
    SIGNED,
    TASK,
    TEXT,
    WITH_SIGNS,
    WORDS,
    tokenizer_of,
    windows,
)

from bert_cpu.example import Example
from bert_cpu.task_catalog import restore_task, task_of_records
from bert_cpu.tasks.relate import Relate


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (TEXT, "the $ smoke $ of a # fire # ."),
        (CHINESE, "# 洪 水 # 是 $ 暴 雨 $ 引 [UNK] [UNK] [UNK]"),
        # The text's own signs are read as another.
        ("$5 a#1 <e1>a</e1> # <e2>$</e2>", "§ 5 a § [UNK] $ a $ § # § #"),
    ],
)
@pytest.mark.parametrize("takes_over", [False, True])
def test_each_mark_is_one_token_and_places_are_those_in_the_text(
    text, tokens, takes_over
):
    (window,) = windows(text, words=SIGNED, takes_over=takes_over, task=WITH_SIGNS)
    assert window.tokens[1:-1] == tokens.split()
    marks = [match.span() for match in re.finditer(r"</?e\d>", text)]
    for token, (start, end) in zip(
        window.tokens[1:-1], window.offsets[1:-1], strict=True
    ):
        if token in ("$", "#"):
            assert any(begin <= start < end <= stop for begin, stop in marks)
        elif token == "§":
            assert text[start:end] in ("$", "#")
        elif token != "[UNK]":
            assert text[start:end].lower() == token


@given(st.text("$#§ a5/e12>"))
def test_signs_of_the_text_are_never_taken_for_marks(text):
    marked = f"{text}<e1>{text}a</e1>{text}<e2>{text}a</e2>{text}"
    (window,) = windows(marked, 1000, SIGNED, task=WITH_SIGNS)
    signs = [
        (token, marked[:end].count("<"))
        for token, (_, end) in zip(window.tokens, window.offsets, strict=True)
        if token in ("$", "#")
    ]
    assert signs == [("$", 1), ("$", 2), ("#", 3), ("#", 4)]


def test_a_vocabulary_without_the_signs_reads_the_marks_as_written():
    assert WITH_SIGNS.stand_ins(tokenizer_of(WORDS)) == {}
    assert WITH_SIGNS.stand_ins(tokenizer_of((*WORDS, "$"))) == {}
    spelled = "".join(windows(TEXT, task=WITH_SIGNS)[0].tokens[1:-1]).replace("##", "")
    assert spelled == TEXT.lower().replace(" ", "")


LONG = f"$ a # a {TEXT} # of $ of # of of of of of"


def test_of_a_long_text_the_windows_with_all_four_signs_are_learned_from():
    read_windows = windows(LONG, 14, SIGNED, stride=10, task=WITH_SIGNS)
    whole = [
        [token for token in each.tokens if token in "$#"] == ["$", "$", "#", "#"]
        for each in read_windows
    ]
    assert 0 < sum(whole) < len(whole)
    targets = WITH_SIGNS.encode(
        Example(LONG, None, "b", ""), read_windows, None, {"b": 7}
    )
    assert targets == [{"label": 7, "is_whole": each} for each in whole]


def test_written_marks_are_word_pieces_and_the_texts_signs_stay():
    text = f"$ # {TEXT} # $"
    (window,) = windows(text, words=SIGNED)
    tokens = "$ # the < e ##1 > smoke < / e ##1 > of a < e ##2 > fire < / e ##2 > . # $"
    assert window.tokens[1:-1] == tokens.split()


def test_the_texts_signs_are_no_marks_to_a_task_that_reads_them_as_written():
    # Twice each, as marks would be, in windows that lack an entity.
    long = f"$ $ # # {LONG}"
    read_windows = windows(long, 32, SIGNED, stride=24)
    whole = [
        all(f"<e{n}>" in joined and f"</e{n}>" in joined for n in (1, 2))
        for joined in ("".join(w.tokens).replace("##", "") for w in read_windows)
    ]
    assert 0 < sum(whole) < len(whole)
    assert not whole[0]
    targets = TASK.encode(Example(long, None, "b", ""), read_windows, None, {"b": 7})
    assert targets == [{"label": 7, "is_whole": each} for each in whole]


def test_models_and_records_from_before_the_choice_read_signs():
    assert restore_task("relate", {"pooling": "cls"}).entity_marks == "signs"
    assert restore_task("relate", {"entity_marks": "written"}).entity_marks == "written"
    of_records = task_of_records(Relate("written", pooling="mean"), {})
    assert (of_records.entity_marks, of_records.pooling) == ("signs", "mean")
    of_records = task_of_records(Relate("signs"), {"entity_marks": "written"})
    assert (of_records.entity_marks, of_records.pooling) == ("written", "pooled")
