"""Rows to examples, and answers to metrics, counted by hand."""

import json

import pytest

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.answer import AnswerQuestions, FoundAnswer

TASK = AnswerQuestions()
SETTINGS = PrepareSettings()
AT = "a.jsonl line 3"
ROW = {
    "id": "q7",
    "question": "他在哪里？",
    "context": "他住在上海。",
    "answers": [{"text": "上海", "start": 3}],
}


def read(settings=SETTINGS, **changed):
    values = {
        name: value
        for name, value in (ROW | changed).items()
        if value is not NotImplemented
    }
    return TASK.read((AT, values), settings)


def test_a_row_is_a_question_beside_its_context():
    assert read() == Example(
        text="他在哪里？",
        text_pair="他住在上海。",
        label={"id": "q7", "answers": [[3, 5, "上海"]]},
        position=AT,
    )


def test_a_row_without_an_id_is_called_by_its_position():
    assert read(id=NotImplemented).label["id"] == AT
    assert read(id=7).label["id"] == "7"


def test_labels_come_through_json_unchanged():
    label = read().label
    assert json.loads(json.dumps(label)) == label


def test_columns_may_have_other_names():
    settings = PrepareSettings(text="q", text_pair="passage", label="gold")
    row = {"q": "Who?", "passage": "A cat", "gold": [{"text": "cat", "start": 2}]}
    example = TASK.read((AT, row), settings)
    assert (example.text, example.text_pair) == ("Who?", "A cat")
    assert example.label["answers"] == [[2, 5, "cat"]]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"question": NotImplemented},
            f"{AT} has no column 'question' (it has: id, context, answers). Name one "
            "of them with --text.",
        ),
        (
            {"context": NotImplemented},
            f"{AT} has no column 'context' (it has: id, question, answers). Name one "
            "of them with --text-pair.",
        ),
        (
            {"answers": NotImplemented},
            f"{AT} has no column 'answers' (it has: id, question, context). Give the "
            "answers there, [] where there is none, or name another with --label.",
        ),
        (
            {"answers": [{"text": "北京", "start": 3}]},
            f'{AT} has the answer "北京" at 3, but the context has "上海". The context '
            "does not hold it: correct the answer.",
        ),
    ],
)
def test_a_row_that_lacks_something_is_refused(changed, message):
    with pytest.raises(UserError) as raised:
        read(**changed)
    assert str(raised.value) == message


def test_labels_say_whether_there_are_questions_without_an_answer():
    with_one, without = read(), read(answers=[])
    assert TASK.label_names(with_one) == ["answer"]
    assert TASK.label_names(without) == ["no answer"]
    assert TASK.order_labels(["answer"]) == ("answer",)
    assert TASK.order_labels({"no answer", "answer"}) == ("answer", "no answer")


def test_training_without_an_answer_is_refused():
    with pytest.raises(UserError, match=r"No question .* has an answer.*--label\."):
        TASK.order_labels(["no answer"])


def gold(*answers, question="Who?"):
    places = [[0, len(answer), answer] for answer in answers]
    return Example(question, "…", {"id": "q", "answers": places}, AT)


def said(answer, probability=0.5):
    start, end = (None, None) if answer is None else (0, len(answer))
    return FoundAnswer("Who?", answer, start, end, 0.0, probability, [])


def test_metrics_of_answers_counted_by_hand():
    examples = [
        gold("the cat", "a dog"),
        gold("black cat"),
        gold("上海市", question="哪里？"),
        gold("cat"),
    ]
    answers = [said("Dog."), said("cat"), said("上海"), said(None)]
    assert TASK.measure(examples, answers, ("answer",)) == {
        "f1": pytest.approx((1 + 2 / 3 + 4 / 5 + 0) / 4),
        "exact_match": 1 / 4,
        "examples": 4,
    }


def test_metrics_of_questions_without_an_answer():
    examples = [gold(), gold(), gold(), gold("cat"), gold("a black dog")]
    answers = [said(None), said("cat"), said(None), said(None), said("dog")]
    assert TASK.measure(examples, answers, ("answer", "no answer")) == {
        "f1": pytest.approx((1 + 0 + 1 + 0 + 2 / 3) / 5),
        "exact_match": 2 / 5,
        "examples": 5,
        "has_answer_f1": pytest.approx((0 + 2 / 3) / 2),
        "no_answer_accuracy": pytest.approx(2 / 3),
    }
    assert "has_answer_f1" not in TASK.measure(examples[:3], answers[:3], ())
    assert set(TASK.metrics) <= TASK.measure(examples, answers, ()).keys()


def test_metrics_are_plain_numbers_that_json_writes():
    measured = TASK.measure([gold(), gold("cat")], [said(None), said("cat")], ())
    assert {type(value) for value in measured.values()} == {float, int}


def test_a_mistake_shows_the_truth_beside_what_was_said():
    assert TASK.mistake(gold("the cat"), said("Cat!")) is None
    assert TASK.mistake(gold(), said(None)) is None
    for truth, answer, label, predicted in (
        (gold("a\ncat", "a dog"), "the  fox", "a cat", "the fox"),
        (gold("上海市"), "上海", "上海市", "上海"),
        (gold(), "fox", "no answer", "fox"),
        (gold("cat"), None, "cat", "no answer"),
    ):
        assert TASK.mistake(truth, said(answer, 0.75)) == {
            "label": label,
            "predicted": predicted,
            "probability": 0.75,
        }
