"""`predict --file` reads what training does, with or without its labels."""

import json

import pytest
import tiny_command
from files_asked import (
    MARKED,
    PLACES,
    QUESTIONS,
    TURNED,
    TURNED_PLACES,
    jsonl,
)


@pytest.mark.parametrize(
    "name, content",
    [
        ("a_jsonl", jsonl(PLACES, TURNED_PLACES)),
        ("a_jsonl", jsonl(PLACES | {"label": 7}, {"text": TURNED, "label": None})),
        ("a_csv", f"text,label\n{MARKED},X\n{TURNED},\n"),
        ("a_txt", f'1\t"{MARKED}"\nR(e1,e2)\nComment: no\n\n2\t"{TURNED}"\nOther\n'),
        ("a_txt", f'\n1\t"{MARKED}"\nComment: x\n2\t"{TURNED}"\n'),
        ("a_txt", f"{MARKED}\n{TURNED}\n"),
    ],
)
def test_relations_are_asked_in_every_form(predict, name, content):
    expected = [predict("relate", text)[0] for text in (MARKED, TURNED)]
    assert expected[0]["label"] is not None
    assert expected[0]["probabilities"] != expected[1]["probabilities"]
    assert predict("relate", **{name: content}) == expected


FIRST, SECOND = "Ann saw Rome", "吴明 # B"


@pytest.mark.parametrize(
    "name, content",
    [
        ("a_conll", "Ann B-PER\nsaw O\nRome B-LOC\n\n吴明 B-PER\n# O\nB O\n"),
        # Tags that are not legal, and none.
        ("a_bio", "Ann X I-PER\nsaw X nonsense\nRome X X\n\n吴明 X X\n# X O\nB X X\n"),
        ("a_bioes", "# text = Ann\nAnn\nsaw\nRome\n\n\n吴明\n#\nB\n"),
        ("a_annotated", "-DOCSTART-\n\nAnn\nsaw\nRome\n\n吴明\n#\n# no token\nB"),
        ("a_jsonl", jsonl({"tokens": FIRST.split()}, {"tokens": SECOND.split()})),
        ("a_jsonl", jsonl({"text": FIRST, "spans": 3}, {"text": SECOND})),
        (
            "a_jsonl",
            jsonl(
                {"text": "x", "tokens": FIRST.split(), "tags": ["O"]},
                {"text": SECOND, "tokens": ["x"], "spans": []},
            ),
        ),
        ("a_txt", f"{FIRST}\n{SECOND}\n"),
    ],
)
def test_sentences_are_asked_in_every_form(predict, name, content):
    expected = predict("tag", FIRST, SECOND)
    assert [each["text"] for each in expected] == [FIRST, SECOND]
    assert predict("tag", **{name: content}) == expected


def test_a_hash_sign_begins_a_token_where_lines_are_tokens_alone(predict):
    content = "#metoo\nis\n\n# a comment\n#\nB\n"
    assert [each["text"] for each in predict("tag", a_conll=content)] == [
        "#metoo is",
        "# B",
    ]


def squad(*changes):
    paragraphs = [
        {"context": context, "qas": [{"id": f"q{i}", "question": question} | change]}
        for i, ((question, context), change) in enumerate(
            zip(QUESTIONS, changes, strict=True)
        )
    ]
    return json.dumps({"data": [{"paragraphs": paragraphs}]})


@pytest.mark.parametrize(
    "changes",
    [
        ({}, {}),
        ({"answers": [{"text": "Ann", "answer_start": 0}]}, {"answers": []}),
        # What training refuses; nobody looks at it here.
        ({"answers": None}, {"answers": [], "is_impossible": False}),
        ({"answers": [{"text": "Eve", "answer_start": -1}]}, {"answers": [1]}),
    ],
)
def test_questions_of_squad_keep_their_ids(predict, changes):
    expected = [
        {"id": f"q{i}"} | predict("answer", question, "--pair", context)[0]
        for i, (question, context) in enumerate(QUESTIONS)
    ]
    assert [list(each)[:2] for each in expected] == [["id", "text"]] * 2
    found = predict("answer", a_json=squad(*changes))
    assert found == expected
    assert list(found[0]) == list(expected[0])


def test_questions_of_other_files_have_an_id_where_the_file_has_one(predict):
    rows = [{"question": q, "context": c} for q, c in QUESTIONS]
    found = predict("answer", a_jsonl=jsonl(rows[0] | {"id": 7}, rows[1]))
    assert [each.get("id") for each in found] == ["7", None]
    assert [each["text"] for each in found] == ["Who?", "Where?"]
    assert "id" not in found[1]


def test_columns_can_be_named_also_as_they_would_be_by_default(predict):
    rows = [{"text": q, "b": c, "question": "x", "context": 1} for q, c in QUESTIONS]
    found = predict(
        "answer", "--text", "text", "--text-pair", "b", a_jsonl=jsonl(*rows)
    )
    expected = [predict("answer", q, "--pair", c)[0] for q, c in QUESTIONS]
    assert found == expected


def test_vectors_are_asked_of_texts_and_of_pairs(predict):
    (first,), (second,) = predict("embed", "Ann"), predict("embed", "Bob")
    assert predict("embed", a_csv="text,label\nAnn,1\nBob,2\n") == [first, second]
    (pair,) = predict("embed", "Ann", "--pair", "Bob")
    assert list(pair) == ["text", "text_pair", "cosine"]
    pairs = "text,text_pair\nAnn,Bob\n"
    assert predict("embed", a_csv=pairs) == [pair]
    assert predict("embed", "--text-pair", "", a_csv=pairs) == [first]
    (turned,) = predict("embed", "--text", "text_pair", "--text-pair=text", a_csv=pairs)
    assert (turned["text"], turned["text_pair"]) == ("Bob", "Ann")


def test_masks_need_no_words_for_them(predict):
    content = "text,label\nAnn saw [MASK].,\n"
    assert predict("fill", a_csv=content) == predict("fill", "Ann saw [MASK].")


@pytest.mark.parametrize("task", ["classify", "relate", "fill"])
def test_a_blank_line_gets_an_empty_answer(predict, task):
    text = {"classify": "Ann", "relate": MARKED, "fill": "a [MASK]"}[task]
    first, blank, last = predict(task, a_txt=f"{text}\n \n{text}\n")
    assert first == last != blank
    assert blank["text"] == " "
    assert not any(value for key, value in blank.items() if value != " ")


@pytest.mark.parametrize("task", ["relate", "fill"])
def test_a_blank_line_is_shown_as_one(model_of, task):
    outcome = tiny_command.succeed("predict", model_of(task), stdin=b"\n")
    assert outcome.out == "-\t-\t\n"
