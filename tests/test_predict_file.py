"""`predict --file` reads what training does, and answers what can be answered."""

import functools
import json
import shutil

import pytest
import tiny_command
from tiny_task_model import write_task_model

PAIRS = ("answer", "embed")


@pytest.fixture(scope="module")
def model_of(tmp_path_factory):
    """Task -> the directory of a converted model, made once."""
    directory = tmp_path_factory.mktemp("models")

    @functools.cache
    def model_of(task):
        return write_task_model(directory / task, task, text_pair=task in PAIRS)

    return model_of


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty directory to stand in, so that files have short names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def predict(model_of, here):
    """What `predict --json` says of a file with this content, or of `words`."""

    def predict(task, *words, **files):
        for name, content in files.items():
            (here / name.replace("_", ".")).write_text(content, encoding="utf-8")
            words = ("--file", name.replace("_", "."), *words)
        outcome = tiny_command.bert_cpu("predict", model_of(task), "--json", *words)
        assert (outcome.code, outcome.err) == (0, ""), outcome
        return [json.loads(line) for line in outcome.out.splitlines()]

    return predict


def jsonl(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


MARKED = "<e1>Ann</e1> saw <e2>Rome</e2>."
TURNED = "<e2>Bob</e2> is in <e1>Oslo</e1>."
PLACES = {"text": "Ann saw Rome.", "e1": [0, 3], "e2": [8, 12]}
TURNED_PLACES = {"text": "Bob is in Oslo.", "e2": [0, 3], "e1": [10, 14]}


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


QUESTIONS = [("Who?", "Ann saw Rome."), ("Where?", "Bob is in Oslo.")]


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
