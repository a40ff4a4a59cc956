"""The picture from a question to its answer shows the model's own attention."""

import json
import re

import numpy as np
import pytest
import tiny_bundle
from longhand_attention import longhand_probabilities
from tiny_head import tiny_encoder

from bert_cpu.example import Example
from bert_cpu.report.attended import draw_attended
from bert_cpu.report.write_report import write_report
from bert_cpu.tasks.answer import AnswerQuestions, FoundAnswer
from bert_cpu.tasks.classify import Answer, Classify
from bert_cpu.text.windows import WindowReader
from bert_cpu.training.attended import write_attended

CONTEXT = "quiet lovely dull film too long bad"
ANSWER = "dull film"


@pytest.fixture(scope="module")
def encoder():
    return tiny_encoder()


@pytest.fixture(scope="module")
def model(encoder):
    return AnswerQuestions().build(encoder, ("answer",), 0.0)


def reader(max_length=36):
    read = WindowReader(tiny_bundle.tiny_tokenizer(), max_length, "text_pair", 2)
    return lambda example: read([(example.text, example.text_pair)])[0]


def answered(question="a good film", context=CONTEXT, found=ANSWER):
    place = context.index(ANSWER)
    label = {"id": "1", "answers": [[place, place + len(ANSWER), ANSWER]]}
    start = context.index(found) if found else None
    end = start + len(found) if found else None
    answer = FoundAnswer(question, found, start, end, 1.0, 0.5, [])
    return Example(question, context, label, ""), answer


def written(directory, model, answers, read=None):
    write_attended(directory, AnswerQuestions(), model, answers, read or reader())
    path = directory / "attention.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_weights_are_those_between_question_and_context(tmp_path, encoder, model):
    (line,) = written(tmp_path, model, [answered()])
    assert line["question"] == "a good film"
    assert line["answer"] == ANSWER
    assert line["rows"] == ["a", "good", "film"]
    assert line["columns"] == CONTEXT.split()
    assert line["answer_columns"] == [2, 3]
    # [CLS] a good film [SEP] quiet lovely dull film too long bad [SEP]
    ids = [2, 5, 13, 8, 3, 6, 7, 9, 8, 11, 10, 14, 3]
    inputs = {
        "input_ids": np.int32([ids]),
        "token_type_ids": np.int32([[0] * 5 + [1] * 8]),
        "attention_mask": np.ones((1, 13), np.int32),
    }
    maps = np.stack(
        [longhand_probabilities(encoder, block, inputs)[0] for block in (0, 1)]
    )
    shares = maps[:, :, 1:4, 7:9].sum(-1).mean(-1)
    expected = sorted(
        ((block, head) for block in (0, 1) for head in range(4)),
        key=lambda place: -shares[place],
    )[:4]
    assert [(each["block"], each["head"]) for each in line["heads"]] == expected
    for each in line["heads"]:
        place = each["block"], each["head"]
        assert each["share"] == pytest.approx(shares[place], abs=1e-4)
        np.testing.assert_allclose(each["weights"], maps[place][1:4, 5:12], atol=1e-4)


def test_an_answer_in_a_later_window_is_found_there(tmp_path, model):
    context = "too " * 30 + CONTEXT
    (line,) = written(tmp_path, model, [answered(context=context)])
    # Two tokens are shared with the first window, which ends before the answer.
    assert line["columns"] == ["too", "too", *CONTEXT.split()]
    assert line["answer_columns"] == [4, 5]


def test_of_a_long_context_what_is_around_the_answer_is_shown(tmp_path, model):
    context = f"{'too ' * 12}{CONTEXT}{' long' * 12}"
    (line,) = written(tmp_path, model, [answered(context=context)], reader(40))
    assert line["columns"] == [*["too"] * 9, *CONTEXT.split(), *["long"] * 8]
    assert line["answer_columns"] == [11, 12]


def test_only_right_answers_with_room_are_shown(tmp_path, model):
    answers = [
        answered(found="quiet"),
        answered(found=None),
        answered(question="a " * 15 + "film"),
        answered(question="good"),
        answered(question="bad"),
        answered(question="dull"),
    ]
    # The window of the third has room for the question, and not for the answer.
    lines = written(tmp_path, model, answers, reader(20))
    # Of four that are right, from the second on.
    assert [line["question"] for line in lines] == ["good", "bad"]


def test_other_tasks_leave_no_file(tmp_path, model):
    example = Example("a film", "a good film", "pos", "")
    answers = [(example, Answer("a film", "pos", {}))]
    write_attended(tmp_path, Classify(), model, answers, reader())
    assert written(tmp_path, model, [answered(found="quiet")]) == []
    assert not list(tmp_path.iterdir())


def test_a_report_shows_it_and_takes_no_tag_from_it(tmp_path, model):
    empty = write_report(tmp_path).read_text(encoding="utf-8")
    assert "From the question" not in empty
    answers = [answered(), answered(question="<b>good")]
    assert len(written(tmp_path, model, answers)) == 2
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert page.count("From the question to its answer <span") == 2
    assert page.count('id="attended-0-panel-') == 4
    assert page.count('id="attended-1-panel-') == 4
    assert "&lt;b&gt;good A row is" in page
    assert "<b>good" not in page
    svg = page[page.index('id="attended-0-') : page.index('id="attended-1-')]
    bold = re.findall(r"<text [^>]*font-weight: 700[^>]*>(\w+)</text>", svg)
    # Above both panels of the first line.
    assert sorted(bold) == ["dull", "dull", "film", "film"]


GOOD = {
    "question": "q",
    "rows": ["a"],
    "columns": ["b", "c"],
    "answer_columns": [1],
    "heads": [{"block": 0, "head": 1, "share": 0.5, "weights": [[0.1, 0.5]]}],
}


def test_a_line_as_it_should_be_is_drawn():
    svg = draw_attended(GOOD).to_svg("attention")
    assert "block 0, head 1: 50%" in svg


@pytest.mark.parametrize(
    "fault",
    [
        {"rows": None},
        {"rows": []},
        {"columns": ["b", 3]},
        {"answer_columns": "1"},
        {"heads": []},
        {"heads": [7]},
        {"heads": [GOOD["heads"][0] | {"share": "all"}]},
        {"heads": [GOOD["heads"][0] | {"share": float("nan")}]},
        {"heads": [GOOD["heads"][0] | {"weights": [[0.1]]}]},
        {"heads": [GOOD["heads"][0] | {"weights": [[0.1, None]]}]},
        {"heads": [GOOD["heads"][0] | {"weights": [[0.1, 0.5], [0.1, 0.5]]}]},
    ],
)
def test_a_line_that_is_not_is_left_out(fault):
    assert draw_attended(GOOD | fault) is None
