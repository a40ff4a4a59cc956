"""Files in the form of SQuAD: what comes out, and what is refused, and where."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.errors import UserError
from bert_cpu.text import squad
from bert_cpu.text.squad import read_squad

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ANSWER = st.fixed_dictionaries({"text": TEXT, "answer_start": st.integers(0, 99)})
QUESTION = st.fixed_dictionaries(
    {"id": TEXT, "question": TEXT, "answers": st.lists(ANSWER, max_size=3)}
)
PARAGRAPH = st.fixed_dictionaries({"context": TEXT, "qas": st.lists(QUESTION)})
ARTICLE = st.fixed_dictionaries({"title": TEXT, "paragraphs": st.lists(PARAGRAPH)})


def question(**values):
    answer = {"text": "cat", "answer_start": 2}
    return {"id": "q1", "question": "Who sat?", "answers": [answer]} | values


def squad_of(*questions, **values):
    paragraph = {"context": "A cat sat.", "qas": list(questions)} | values
    return {"version": "1.1", "data": [{"title": "Cats", "paragraphs": [paragraph]}]}


def write(tmp_path, content):
    path = tmp_path / "a.json"
    if not isinstance(content, bytes):
        content = json.dumps(content, ensure_ascii=False).encode()
    path.write_bytes(content)
    return path


def test_each_question_is_a_row_with_its_context(tmp_path):
    path = write(tmp_path, squad_of(question(), question(id="q2", answers=[])))
    row = {
        "id": "q1",
        "title": "Cats",
        "question": "Who sat?",
        "context": "A cat sat.",
        "answers": [{"text": "cat", "start": 2}],
    }
    assert list(read_squad(path)) == [
        ("a.json data 1 paragraph 1 question 1", row),
        ("a.json data 1 paragraph 1 question 2", row | {"id": "q2", "answers": []}),
    ]


@given(articles=st.lists(ARTICLE, min_size=1, max_size=3), ascii_only=st.booleans())
def test_all_questions_come_in_order_with_where_they_are(
    tmp_path_factory, articles, ascii_only
):
    path = tmp_path_factory.mktemp("squad") / "a.json"
    content = json.dumps({"data": articles}, ensure_ascii=ascii_only)
    path.write_text(content, encoding="utf-8")
    expected = []
    for a, article in enumerate(articles, 1):
        for p, paragraph in enumerate(article["paragraphs"], 1):
            for q, each in enumerate(paragraph["qas"], 1):
                row = {
                    "id": each["id"],
                    "title": article["title"],
                    "question": each["question"],
                    "context": paragraph["context"],
                    "answers": [
                        {"text": answer["text"], "start": answer["answer_start"]}
                        for answer in each["answers"]
                    ],
                }
                expected.append((f"a.json data {a} paragraph {p} question {q}", row))
    if expected:
        assert list(read_squad(path)) == expected
    else:
        with pytest.raises(UserError, match=r"a\.json' has no questions\. Give"):
            list(read_squad(path))


def test_a_chinese_file_with_a_byte_order_mark_and_no_title_is_read(tmp_path):
    answer = {"text": "上海", "answer_start": 3, "id": "1"}
    asked = {"id": "1001-10-1", "question": "他在哪里？", "answers": [answer]}
    paragraph = {"id": "1001-10", "context": "他住在上海。", "qas": [asked]}
    content = json.dumps({"data": [{"paragraphs": [paragraph]}]}, ensure_ascii=False)
    ((_, row),) = read_squad(write(tmp_path, b"\xef\xbb\xbf" + content.encode()))
    assert (row["title"], row["question"]) == ("", "他在哪里？")
    (read,) = row["answers"]
    assert row["context"][read["start"] :][:2] == read["text"] == "上海"


def test_squad_2_says_which_questions_have_no_answer(tmp_path):
    plausible = [{"text": "cat", "answer_start": 2}]
    none = question(answers=[], is_impossible=True, plausible_answers=plausible)
    path = write(tmp_path, squad_of(none, question(is_impossible=False)))
    assert [row["answers"] for _, row in read_squad(path)] == [
        [],
        [{"text": "cat", "start": 2}],
    ]


def test_questions_that_are_only_asked_have_no_answers_in_their_row(tmp_path):
    asked = {"id": "q1", "question": "Who?"}
    ((_, row),) = read_squad(write(tmp_path, squad_of(asked)))
    assert "answers" not in row


AT = "a.json data 1 paragraph 1"
FORM = "Give a file in the form of SQuAD."
MISTAKES = {
    "list": ([], f"a.json is [], but an object with 'data' was expected. {FORM}"),
    "no data": ({"rows": []}, f"a.json has no 'data' (it has: rows). {FORM}"),
    "empty object": ({}, f"a.json has no 'data' (it has: nothing). {FORM}"),
    "no questions": (
        squad_of(),
        "a.json' has no questions. Give a file with some in it.",
    ),
    "data": (
        {"data": {}},
        "a.json has {} as 'data', but a list was expected. Mend the file.",
    ),
    "article": (
        {"data": ["x"]},
        "a.json data 1 is \"x\", but an object with 'paragraphs' was expected. " + FORM,
    ),
    "title": (
        {"data": [{"title": 5, "paragraphs": []}]},
        "a.json data 1 has 5 as 'title', but a string was expected. Mend the file.",
    ),
    "context": (
        {"data": [{"paragraphs": [{"qas": []}]}]},
        f"{AT} has no 'context' (it has: qas). {FORM}",
    ),
    "id": (
        squad_of(question(), question(id=7)),
        f"{AT} question 2 has 7 as 'id', but a string was expected. Mend the file.",
    ),
    "question": (
        squad_of({"id": "q1", "answers": []}),
        f"{AT} question 1 has no 'question' (it has: id, answers). {FORM}",
    ),
    "answers": (
        squad_of(question(answers="cat")),
        f"{AT} question 1 has \"cat\" as 'answers', but a list was expected.",
    ),
    "answer": (
        squad_of(question(answers=[{"text": "cat"}])),
        f"{AT} question 1 answer 1 has no 'answer_start' (it has: text). {FORM}",
    ),
    "start": (
        squad_of(question(answers=[{"text": "cat", "answer_start": True}])),
        f"{AT} question 1 answer 1 has true as 'answer_start', but a whole number was",
    ),
    "impossible": (
        squad_of(question(is_impossible="no")),
        f"{AT} question 1 has \"no\" as 'is_impossible', but true or false was",
    ),
    "impossible with an answer": (
        squad_of(question(is_impossible=True)),
        f"{AT} question 1 has is_impossible true, but 1 answers. Mend one of the two.",
    ),
    "possible without one": (
        squad_of(question(is_impossible=False, answers=[])),
        f"{AT} question 1 has is_impossible false, but 0 answers. Mend one of the two.",
    ),
    "half a character": (
        json.dumps(squad_of(question(question="ab\ud83d"))).encode(),
        f"{AT} question 1 has half of a surrogate pair in 'question' (character 2), "
        "which is not Unicode. Mend the file.",
    ),
    "encoding": (
        '{"data": "café"}'.encode("latin-1"),
        "a.json' is not UTF-8 (byte 13 of the file is 0xe9). Save the file as UTF-8.",
    ),
    "json": (
        b'{"data": [}',
        "a.json' is not well-formed JSON (Expecting value: line 1 column 11 (char 10))."
        " Give a file in the form of SQuAD, or one question a line in a .jsonl file.",
    ),
    "nested": (b"[" * 100_000, "a.json' is not well-formed JSON ("),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_in_one_line_that_says_where(tmp_path, mistake):
    content, message = MISTAKES[mistake]
    with pytest.raises(UserError) as raised:
        list(read_squad(write(tmp_path, content)))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_refused_at_once(tmp_path):
    with pytest.raises(UserError, match=r"No such file.*Check the name\."):
        read_squad(tmp_path / "b.json")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = write(tmp_path, squad_of(question()))
    monkeypatch.setattr(squad, "MAX_BYTES", 100)
    with pytest.raises(UserError, match=r"at most 100 fit\. Write one question a line"):
        read_squad(path)
