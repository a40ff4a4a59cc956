"""Places in a text, coloured: the text stays what it was, and each place is told."""

import html
import json
import re
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.example import Example
from bert_cpu.mark import Mark
from bert_cpu.report.marked_text import marked_text
from bert_cpu.tasks.answer import AnswerQuestions, FoundAnswer
from bert_cpu.tasks.tag import Tag
from bert_cpu.text.entities import Entities, Entity
from bert_cpu.training.marked import write_marked

VERDICTS = ("right", "wrong", "missed")


def mark(start, end, verdict, label=""):
    return {"start": start, "end": end, "label": label, "verdict": verdict}


def test_places_are_marked_with_verdict_and_label():
    text = "Angela Merkel flew to Paris"
    shown = marked_text(
        text, [mark(0, 13, "right", "PER"), mark(22, 27, "missed", "LOC")]
    )
    assert shown == (
        '<mark class="right">Angela Merkel<small>PER</small></mark> flew to '
        '<mark class="missed">Paris<small>LOC</small></mark>'
    )


def test_places_that_overlap_are_cut_where_they_begin_and_end():
    shown = marked_text("abcdef", [mark(0, 4, "wrong"), mark(2, 6, "missed")])
    assert shown == (
        '<mark class="wrong">ab</mark><mark class="missed wrong">cd</mark>'
        '<mark class="missed">ef</mark>'
    )


def test_far_from_the_places_a_long_text_is_left_out():
    shown = marked_text("长" * 1000 + "北京" + "文" * 1000, [mark(1000, 1002, "right")])
    assert shown == (
        "…" + "长" * 160 + '<mark class="right">北京</mark>' + "文" * 160 + "…"
    )


@pytest.mark.parametrize(
    "broken",
    [
        {"start": -1},
        {"end": 99},
        {"start": 2, "end": 2},
        {"start": "0"},
        {"verdict": "<script>"},
        {"label": None},
    ],
)
def test_a_place_that_does_not_fit_the_text_is_left_out(broken):
    shown = marked_text("a film", [mark(2, 6, "right"), mark(0, 1, "wrong") | broken])
    assert shown == 'a <mark class="right">film</mark>'


@given(
    text=st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), max_size=50),
    places=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=4),
    verdict=st.sampled_from(VERDICTS),
)
def test_without_its_tags_the_page_has_the_text(text, places, verdict):
    shown = marked_text(text, [mark(*sorted(place), verdict) for place in places])
    assert html.unescape(re.sub("<[^>]*>", "", shown)) == text


def test_what_a_text_says_is_never_a_tag():
    shown = marked_text("<b>&</b>", [mark(0, 3, "right", "<i>")])
    assert re.findall("<[^>]*>", shown) == [
        '<mark class="right">',
        "<small>",
        "</small>",
        "</mark>",
    ]


def test_entities_are_right_wrong_or_missed():
    example = Example("张三在北京大学", None, [[0, 2, "PER"], [3, 7, "ORG"]], "")
    answer = Entities(
        example.text,
        [Entity(0, 2, "张三", "PER", 0.9), Entity(3, 5, "北京", "LOC", 0.6)],
    )
    assert Tag().marks(example, answer) == (
        example.text,
        [
            Mark(0, 2, "PER", "right"),
            Mark(3, 5, "LOC", "wrong"),
            Mark(3, 7, "ORG", "missed"),
        ],
    )
    nothing = Example("天气好", None, [], "")
    assert Tag().marks(nothing, Entities(nothing.text, [])) is None


@pytest.mark.parametrize(
    "found, expected",
    [
        ((0, 6), [Mark(0, 6, "", "right")]),
        ((7, 10), [Mark(7, 10, "", "wrong"), Mark(0, 6, "", "missed")]),
        (None, [Mark(0, 6, "", "missed")]),
    ],
)
def test_an_answer_is_shown_in_its_context(found, expected):
    context = "Denver won it"
    label = {"id": "1", "answers": [[0, 6, "Denver"]]}
    example = Example("Who won?", context, label, "")
    start, end = found or (None, None)
    text = None if found is None else context[start:end]
    answer = FoundAnswer("Who won?", text, start, end, 1.0, 0.5, [])
    assert AnswerQuestions().marks(example, answer) == (context, expected)


def test_a_run_keeps_texts_with_marks_from_all_along_the_split(tmp_path):
    examples = [Example(f"x{number}", None, None, "") for number in range(37)]
    task = types.SimpleNamespace(
        marks=lambda example, answer: (
            (example.text, [Mark(0, 1, "", "right")]) if answer else None
        )
    )
    write_marked(tmp_path, task, [(each, each.text != "x0") for each in examples])
    lines = (tmp_path / "marked.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == [
        f"x{number}" for number in range(1, 37, 3)
    ]
    assert json.loads(lines[0])["marks"] == [mark(0, 1, "right")]


def test_a_run_without_marks_keeps_no_file(tmp_path):
    task = types.SimpleNamespace(marks=lambda example, answer: None)
    write_marked(tmp_path, task, [(Example("a", None, None, ""), None)])
    assert not (tmp_path / "marked.jsonl").exists()
