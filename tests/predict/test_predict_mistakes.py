"""`predict` answers what can be answered, and says why the rest can't."""

import json
import shutil

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


def told(outcome, num_mistakes, num_texts):
    """The lines of a command that answered all but some texts."""
    assert outcome.code == 2
    assert outcome.err == (
        f"bert-cpu: {num_mistakes} of {num_texts} texts could not be answered. Their "
        "lines say why: mend them, or leave them out.\n"
    )
    return outcome.out.splitlines()


UNMARKED = (
    "The text has no <e2>, but two marked entities were expected, as in 'The "
    "<e1>smoke</e1> came from a <e2>fire</e2>'. Mark each of them once."
)
BEYOND = {"text": "Ann", "e1": [0, 3], "e2": [8, 12]}
BEYOND_SAID = (
    "a.jsonl line 3 has [8, 12] as 'e2', but [start, end] of an entity was expected, "
    "within the 3 characters of its text. Mend the row, or mark the text, as in 'The "
    "<e1>smoke</e1> came from a <e2>fire</e2>'."
)
MASKLESS = "has no [MASK]. Write [MASK], in capitals, where a word is missing."
CASES = {
    "relate, txt": (
        "relate",
        "a.txt",
        f"{MARKED}\n<e1>Ann</e1> saw\n\n{TURNED}\n",
        [None, ("<e1>Ann</e1> saw", f"a.txt line 2: {UNMARKED}"), None, None],
        [MARKED, TURNED],
    ),
    "relate, places": (
        "relate",
        "a.jsonl",
        jsonl(PLACES, {"text": "<e1>Ann</e1> saw"}, BEYOND, TURNED_PLACES),
        [
            None,
            ("<e1>Ann</e1> saw", f"a.jsonl line 2: {UNMARKED}"),
            (None, BEYOND_SAID),
            None,
        ],
        [MARKED, TURNED],
    ),
    "fill": (
        "fill",
        "a.txt",
        "no mask\nAnn saw [MASK]\n\nBob saw [MASK]",
        [
            ("no mask", f"a.txt line 1: The text 'no mask' {MASKLESS}"),
            None,
            None,
            None,
        ],
        ["Ann saw [MASK]", "Bob saw [MASK]"],
    ),
}


@pytest.fixture
def small_blocks(monkeypatch):
    """So that texts this few are answered side by side, too."""
    from bert_cpu.serving import answer_many

    monkeypatch.setattr(answer_many, "FEW", 1)
    monkeypatch.setattr(answer_many, "BLOCK", 3)


@pytest.mark.parametrize("instances", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_the_texts_around_a_mistake_are_answered(
    predict, model_of, here, small_blocks, name, instances
):
    task, file, content, mistakes, texts = CASES[name]
    expected = [predict(task, text)[0] for text in texts]
    (here / file).write_text(content, encoding="utf-8")
    command = ("predict", model_of(task), "--file", file, "--instances", instances)
    num_mistakes = sum(each is not None for each in mistakes)
    lines = told(tiny_command.bert_cpu(*command, "--json"), num_mistakes, 4)
    found = [json.loads(line) for line in lines]
    assert [each for each in found if each["text"] in texts] == expected
    said = [
        (each["text"], each["error"]) if "error" in each else None for each in found
    ]
    assert said == mistakes
    shown = told(tiny_command.bert_cpu(*command), num_mistakes, 4)
    assert len(shown) == 4
    for line, mistake in zip(shown, mistakes, strict=True):
        columns = line.split("\t")
        assert (columns[0] == "error") == (mistake is not None)
        assert mistake is None or columns[1:] == [mistake[1]]


def test_a_question_without_a_context_is_told_with_its_id(model_of, here):
    rows = [{"question": q, "context": c, "id": q} for q, c in QUESTIONS]
    rows[1] = {"question": "Why?", "id": 9}
    (here / "a.jsonl").write_text(jsonl(*rows, rows[0]))
    command = ("predict", model_of("answer"), "--file", "a.jsonl", "--json")
    lines = told(tiny_command.bert_cpu(*command), 1, 3)
    first, second, third = map(json.loads, lines)
    assert first == third
    assert first["answer"] is not None
    assert second == {
        "id": "9",
        "text": None,
        "error": "a.jsonl line 2 has no column 'context' (it has: question, id). Name "
        "one of them with --text-pair.",
    }


def test_a_column_that_the_first_row_lacks_ends_it(model_of, here):
    (here / "a.jsonl").write_text(jsonl({"text": "Who?"}, {"text": "Where?"}))
    outcome = tiny_command.bert_cpu("predict", model_of("answer"), "--file", "a.jsonl")
    assert outcome.mistake == (
        "a.jsonl line 1 has no column 'question' (it has: text). Name one of them with "
        "--text."
    )


@pytest.mark.parametrize("instances", [1, 2])
@pytest.mark.parametrize(
    "name, torn, mistake",
    [
        ("a.jsonl", '{"text": "Ann"}\n{"text": ', "a.jsonl line 2 is not well-formed "),
        ("a.csv", "text,label\nAnn,1\nBob\n", "a.csv line 3 has 1 columns, but the "),
        ("a.txt", "Ann\n\0\n", "a.txt line 2 holds a NUL byte, which no text does. "),
    ],
)
def test_texts_before_a_torn_line_are_answered(
    model_of, here, predict, instances, name, torn, mistake
):
    expected = predict("classify", "Ann")
    (here / name).write_text(torn)
    command = ("--file", name, "--json", "--instances", instances)
    outcome = tiny_command.bert_cpu("predict", model_of("classify"), *command)
    assert [json.loads(line) for line in outcome.out.splitlines()] == expected
    assert outcome.code == 2
    assert outcome.err.startswith(f"bert-cpu: {mistake}")
    assert outcome.err.count("\n") == 1


def test_a_value_that_is_no_text_is_told_and_the_rest_go_on(model_of, here):
    (here / "a.jsonl").write_text(jsonl({"text": 7}, {"text": "Ann"}))
    command = ("predict", model_of("classify"), "--file", "a.jsonl")
    first, second = told(tiny_command.bert_cpu(*command), 1, 2)
    assert first == (
        "error\ta.jsonl line 1 has 7 in column 'text', but a string was expected. Mend "
        "the row."
    )
    assert second.endswith("\tAnn")


def test_several_texts_and_lines_of_standard_input_are_told_by_their_number(model_of):
    command = ("predict", model_of("fill"))
    first, second = told(tiny_command.bert_cpu(*command, "a [MASK]", "b"), 1, 2)
    assert first.endswith("\ta [MASK]")
    assert second == f"error\tText 2: The text 'b' {MASKLESS}"
    outcome = tiny_command.bert_cpu(*command, stdin=b"b\na [MASK]\n")
    shown, answered = told(outcome, 1, 2)
    assert shown == f"error\tLine 1 of standard input: The text 'b' {MASKLESS}"
    assert answered == first


def test_one_text_that_cannot_be_answered_is_one_line(model_of):
    outcome = tiny_command.bert_cpu("predict", model_of("fill"), "b", "--json")
    assert outcome.mistake == f"Text 1: The text 'b' {MASKLESS}"


def test_what_is_the_models_fault_ends_it_at_once(model_of, tmp_path):
    """All rows would say the same."""
    broken = shutil.copytree(model_of("classify"), tmp_path / "broken")
    path = broken / "model.json"
    labels = {"labels": ["neg", "pos"]}
    path.write_text(json.dumps(json.loads(path.read_text()) | labels))
    for words in (("Ann", "Bob"), ("Ann", "Bob") * 20):
        said = tiny_command.bert_cpu("predict", broken, *words).mistake
        assert said.startswith("Text 1: The model tells 3 labels apart, but its ")
    outcome = tiny_command.bert_cpu("predict", model_of("answer"), "Who?", "Why?")
    assert outcome.mistake.startswith("Text 1: The model reads a pair of texts at a ")


@pytest.mark.parametrize("instances", [1, 2])
def test_questions_that_were_cut_are_counted(model_of, here, small_blocks, instances):
    # Of 40 tokens, 3 are special: half of the others is 18.
    context = "Ann saw Rome. " * 9
    rows = [{"question": "a" * n, "context": context} for n in (18, 19, 90)]
    (here / "a.jsonl").write_text(jsonl(*rows))
    command = ("--file", "a.jsonl", "--instances", instances, "--json")
    outcome = tiny_command.succeed("predict", model_of("answer"), *command)
    assert outcome.err == (
        "2 texts were behind a question of over half of 40 tokens, which was cut\n"
    )
    answers = [json.loads(line)["n_best"] for line in outcome.out.splitlines()]
    assert answers[0] == answers[1] == answers[2]
