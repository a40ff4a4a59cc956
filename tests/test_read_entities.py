"""Rows of every form become a text and places in it."""

import dataclasses
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings
from bert_cpu.task import Task
from bert_cpu.tasks.tag import Tag
from bert_cpu.text.visible_span import visible_span

SETTINGS = PrepareSettings()


def read(values, **settings):
    chosen = dataclasses.replace(SETTINGS, **settings)
    return Tag().read(("a.jsonl line 3", values), chosen)


def span(start, end, label="PER", **more):
    return {"start": start, "end": end, "label": label} | more


@pytest.mark.parametrize(
    "values",
    [
        {"tokens": ["Mr.", "Wu", "left"], "tags": ["O", "B-PER", "O"]},
        {"tokens": ["Mr.", "Wu", "left"], "tags": ["O", "S-PER", "O"]},
        {
            "text": "another",
            "tokens": ["Mr.", "Wu", "left"],
            "tags": ["O", "B-PER", "O"],
        },
        {"text": "Mr. Wu left", "spans": [span(4, 6)]},
        {"text": "Mr. Wu left", "spans": [span(4, 6, text="Wu", id=7)]},
        {"text": "Mr. Wu left", "tokens": ["Mr.", "Wu left"], "spans": [span(4, 6)]},
        {"text": "Mr. Wu left", "label": [span(4, 6)]},
        {"text": "Mr. Wu left", "tags": ["O"] * 4 + ["B-PER", "I-PER"] + ["O"] * 5},
        # White space at an end is no part of it.
        {"text": "Mr. Wu left", "spans": [span(3, 7)]},
    ],
)
def test_all_forms_of_a_row_give_the_same_example(values):
    example = read(values)
    assert (example.text, example.text_pair) == ("Mr. Wu left", None)
    assert example.label == [[4, 6, "PER"]]
    assert example.position == "a.jsonl line 3"


def test_chinese_characters_are_tagged_one_by_one():
    tags = ["B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC"]
    expected = [[0, 2, "PER"], [4, 6, "LOC"]]
    for values in ({"text": "吴明住在北京"}, {"tokens": list("吴明住在北京")}):
        example = read(values | {"tags": tags})
        assert (example.text, example.label) == ("吴明住在北京", expected)


def test_columns_may_have_other_names():
    values = {"words": ["Wu", "left"], "ner": ["B-PER", "O"], "spans": "none"}
    assert read(values, text="words", label="ner").label == [[0, 2, "PER"]]
    values = {"body": "Wu left", "found": [span(0, 2)], "tags": ["O"]}
    assert read(values, text="body", label="found").label == [[0, 2, "PER"]]


def test_a_text_without_entities_is_an_example():
    assert read({"text": "", "tags": []}).label == []
    assert read({"text": "nobody", "spans": []}).label == []
    assert read({"tokens": ["nobody"], "tags": ["O"]}).label == []


def test_spans_are_put_in_order():
    values = {"text": "Wu met Li", "spans": [span(7, 9, "B"), span(0, 2, "A")]}
    assert read(values).label == [[0, 2, "A"], [7, 9, "B"]]


@pytest.mark.parametrize(
    "values, message",
    [
        ({"text": "a"}, "has no column 'tags' (it has: text). Name the one with"),
        ({"tags": ["O"]}, "has no column 'text' (it has: tags)"),
        ({"text": "a", "tags": "O"}, "has \"O\" in column 'tags', but a list of spans"),
        ({"tokens": ["a"], "tags": [0]}, "has 0 as tag 1 in column 'tags', but a stri"),
        ({"tokens": ["a", ""], "tags": ["O"] * 2}, 'has "" as token 2 in column'),
        ({"tokens": ["a", "b"], "tags": ["O"]}, "has 1 tags for 2 tokens. Give each"),
        ({"text": "吴明", "tags": ["O"]}, "has 1 tags for 2 characters. Give each"),
        ({"text": "ab", "tags": []}, "has 0 tags for 2 characters. Give each"),
        ({"text": "ab", "spans": ["B-PER"]}, "has 1 tags for 2 characters. Give each"),
        ({"tokens": ["a"], "tags": ["B_X"]}, ", tag 1, has the tag 'B_X', but O, or"),
        (
            {"tokens": ["a", "b"], "tags": ["O", "I-X"]},
            ", tag 2, has the tag I-X after O, which is not legal BIO. Mend it, or",
        ),
        ({"text": "abc", "spans": [[0, 2, "X"]]}, 'has [0, 2, "X"] as span 1, but an'),
        ({"text": "abc", "spans": [span(0, 2.0)]}, "as span 1, but an object with who"),
        ({"text": "abc", "spans": [span(False, 2)]}, "as span 1, but an object with w"),
        ({"text": "abc", "spans": [span(0, 2, " ")]}, "as span 1, but an object with "),
        ({"text": "abc", "spans": [span(1, 4)]}, "has a span from 1 to 4, but its tex"),
        ({"text": "abc", "spans": [span(2, 2)]}, "has a span from 2 to 2, but its tex"),
        ({"text": "abc", "spans": [span(-1, 2)]}, "has a span from -1 to 2, but its t"),
        (
            {"text": "👩 Wu", "spans": [span(3, 4, text="Wu")]},
            'has a span from 3 to 4 of "Wu", but there is "u". Count characters, not',
        ),
        (
            {"text": "abcdef", "spans": [span(2, 4, "B"), span(0, 3, "A")]},
            "has spans that overlap: 0 to 3 (A) and 2 to 4 (B). Keep one of them.",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_refused_in_one_line(values, message):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read(values)
    assert str(caught.value).startswith("a.jsonl line 3")
    assert "\n" not in str(caught.value)


def test_an_illegal_tag_of_a_file_in_columns_is_named_by_its_own_line():
    values = {
        "tokens": ["Wu", "Li"],
        "tags": ["O", "I-PER"],
        "lines": ["a.conll line 3", "a.conll line 4"],
    }
    with pytest.raises(UserError, match="^a.conll line 4 has the tag I-PER after O"):
        read(values)


def test_repair_mends_illegal_tags():
    values = {"tokens": ["Wu", "Li", "left"], "tags": ["I-PER", "I-LOC", "O"]}
    assert read(values, repair=True).label == [[0, 2, "PER"], [3, 5, "LOC"]]


def test_a_second_text_and_changes_of_the_text_are_refused():
    tag: Task = Tag()
    tag.check(SETTINGS)
    with pytest.raises(UserError, match="--text-pair is b, but --task tag reads one"):
        tag.check(dataclasses.replace(SETTINGS, text_pair="b"))
    with pytest.raises(UserError, match="--normalize changes the text"):
        tag.check(dataclasses.replace(SETTINGS, normalize=True))


@pytest.mark.parametrize(
    "text, start, end, expected",
    [
        ("un cafe\u0301 noir", 3, 7, (3, 8)),
        ("un cafe\u0301 noir", 2, 9, (3, 8)),
        ("❤\ufe0f!", 0, 1, (0, 2)),
        ("❤\u200d\ufe0f!", 0, 1, (0, 3)),
        ("\u200eWu\ufeff", 0, 4, (1, 3)),
        ("Wu\ufeff met", 0, 2, (0, 2)),
        ("e\u0301 Wu", 1, 5, (3, 5)),
        ("\u3000吴\n", 0, 3, (1, 2)),
        ("Wu \ufeff", 2, 4, (2, 4)),
        ("", 0, 0, (0, 0)),
    ],
)
def test_a_span_ends_where_a_reader_sees_it_end(text, start, end, expected):
    assert visible_span(text, start, end) == expected


@given(st.text("aé e\u0301\u0302\ufe0f\u200d\ufeff\x01\n吴👩"), st.data())
def test_moving_the_ends_twice_changes_nothing_and_loses_no_letter(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    first, last = visible_span(text, start, end)
    assert visible_span(text, first, last) == (first, last)

    def letters(piece):
        return [c for c in piece if unicodedata.category(c)[0] in "LS"]

    assert letters(text[first:last]) == letters(text[start:end])
