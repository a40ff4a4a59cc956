"""Every mistake with a task's data or model is one line of the command line's."""

import json
import pathlib

import pytest
import tiny_tasks
from tiny_command import QUICK, bert_cpu, succeed, write_alphabet_encoder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    characters = "".join(tiny_tasks.CHARACTERS.values())
    directory = tmp_path_factory.mktemp("encoder") / "tiny"
    return write_alphabet_encoder(directory, characters)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty directory to stand in, so that files have short names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def train(here, encoder):
    """Types `bert-cpu train` for the run runs/run."""

    def train(task, data, *options):
        named = ("--encoder", encoder, "--name", "run", "--stride", 4, *QUICK)
        outcome = bert_cpu("train", "--task", task, "--data", data, *named, *options)
        if outcome.code:
            assert not pathlib.Path("runs/run").exists(), "a mistake left something"
        return outcome

    return train


def write(name, *lines):
    pathlib.Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name


def write_json(name, *rows):
    return write(name, *(json.dumps(row, ensure_ascii=False) for row in rows))


LENGTH = ("--max-length", 16, "--stride", 4)
ILLEGAL = ("Ann B-PER", "saw O", "Rome I-LOC", "", "Eve B-PER", "left O", "")


@pytest.mark.parametrize("task_options", [(), ("--repair",)])
def test_tags_that_are_no_bio_are_refused_or_mended(here, encoder, task_options):
    name = write("a.conll", *ILLEGAL)
    files = ("--data", name, "--validation", name, "--test", name)
    options = ("--task", "tag", "--encoder", encoder, *files, *LENGTH, *task_options)
    outcome = bert_cpu("prepare", *options)
    if not task_options:
        assert outcome.mistake == (
            "a.conll line 3 has the tag I-LOC after O, which is not legal BIO. Mend "
            "it, or give --repair to begin and end entities where their type changes."
        )
        return
    assert outcome.code == 0, outcome.err
    manifest = json.loads(pathlib.Path("records/manifest.json").read_text())
    assert manifest["labels"] == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert manifest["splits"]["train"]["examples"] == 2


@pytest.mark.parametrize(
    "task, row, mistake",
    [
        (
            "tag",
            {
                "text": "小明在北京",
                "spans": [{"start": 3, "end": 5, "label": "地", "text": "上海"}],
            },
            'a.jsonl line 1 has a span from 3 to 5 of "上海", but there is "北京". '
            "Count characters, not bytes, from 0 up to the one behind the span.",
        ),
        (
            "tag",
            {"text": "Ann", "spans": [{"start": 0, "end": 4, "label": "PER"}]},
            "a.jsonl line 1 has a span from 0 to 4, but its text has places from 0 to "
            "3. Count characters, not bytes, from 0 up to the one behind the span.",
        ),
        (
            "tag",
            {"text": "北京很好", "tags": ["B-地", "I-地", "O"]},
            "a.jsonl line 1 has 3 tags for 4 characters. Give each of them a tag.",
        ),
    ],
)
def test_spans_must_be_those_of_the_text(train, task, row, mistake):
    assert train(task, write_json("a.jsonl", row)).mistake == mistake


def test_a_span_must_have_something_to_see(train):
    span = {"start": 3, "end": 5, "label": "PER"}
    name = write_json("a.jsonl", {"text": "Ann   Bob", "spans": [span]})
    assert train("tag", name).mistake == (
        "a.jsonl line 1 has a span from 3 to 5 with nothing to see in it. Count "
        "characters, not bytes, from 0, or leave the span out."
    )


@pytest.mark.parametrize(
    "context, start, there", [("小明在北京。", 0, "小明"), ("Ann is in Rome.", 3, " i")]
)
def test_an_answer_must_be_in_its_context(train, context, start, there):
    answers = [{"text": "上海", "start": start}]
    row = {"question": "在哪里？", "context": context, "answers": answers}
    mistake = train("answer", write_json("a.jsonl", row)).mistake
    assert mistake == (
        f'a.jsonl line 1 has the answer "上海" at {start}, but the context has '
        f'"{there}". The context does not hold it: correct the answer.'
    )


def test_a_vocabulary_must_cover_the_texts(train):
    row = {
        "text": "Привет мир как дела Ann",
        "spans": [{"start": 0, "end": 6, "label": "PER"}],
    }
    name = write_json("a.jsonl", row)
    files = ("--validation", name, "--test", name)
    # [UNK] for the first four words; the last is read letter by letter.
    assert train("tag", name, *files).mistake == (
        "57.1% of the tokens in the train split of 'a.jsonl' are unknown to the "
        "encoder's vocabulary, but --most-unknown is 50.0%. Choose an --encoder of "
        "this language, or allow more."
    )


def test_a_label_that_training_never_sees_is_told_with_its_place(train):
    trained = write("train.conll", "Ann B-PER", "left O", "")
    other = write("test.conll", "Ann B-PER", "", "Rome B-LOC", "")
    files = ("--validation", trained, "--test", other)
    assert train("tag", trained, *files).mistake == (
        "test.conll line 3 is in the test split and has the label 'B-LOC', which "
        "training never sees (it has: B-PER, I-PER, O). Correct the label, add "
        "examples of it to the training split, or name another column with --label."
    )


QUESTIONS = [
    {"question": "who?", "context": "Ann left", "answers": answers}
    for answers in ([{"text": "Ann", "start": 0}], [])
]


@pytest.mark.parametrize(
    ("task", "trained", "other", "told"),
    [
        (
            "multilabel",
            [{"text": "a", "label": ["x"]}, {"text": "b", "label": ["y", "x"]}],
            [{"text": "c", "label": ["y", "z"]}],
            "'z', which training never sees (it has: x, y). Correct the label, ",
        ),
        (
            "relate",
            [
                {"text": "<e1>a</e1> <e2>b</e2>", "label": "In(e1,e2)"},
                {"text": "<e1>a</e1> <e2>b</e2>", "label": "Other"},
            ],
            [{"text": "<e1>a</e1> <e2>b</e2>", "label": "Of(e1,e2)"}],
            "'Of(e1,e2)', which training never sees (it has: In(e1,e2), Other). Corre",
        ),
        (
            "answer",
            QUESTIONS[:1],
            QUESTIONS[1:],
            "'no answer', which training never sees (it has: answer). Add such "
            "questions to the training split, or leave them out.",
        ),
    ],
)
def test_labels_must_be_those_of_training(train, task, trained, other, told):
    trained = write_json("train.jsonl", *trained)
    other = write_json("test.jsonl", *other)
    said = train(task, trained, "--validation", trained, "--test", other).mistake
    start = "test.jsonl line 1 is in the test split and has the label "
    assert said.startswith(start + told)


@pytest.mark.parametrize(
    "task, options, mistake",
    [
        (
            "tag",
            ("--normalize",),
            "--normalize changes the text, but the answers of --task tag are places "
            "in it. Leave the option out.",
        ),
        (
            "answer",
            ("--stem", "english"),
            "--stem changes the text, but the answers of --task answer are places in "
            "it. Leave the option out.",
        ),
        (
            "tag",
            ("--class-weights", "balanced"),
            "--class-weights weighs examples by their label, but --task tag has not "
            "one label an example. Leave the option out.",
        ),
        (
            "tag",
            ("--text-pair", "b"),
            "--text-pair is b, but --task tag reads one text. Leave the option out.",
        ),
        (
            "relate",
            ("--stop-words", "chinese"),
            "--stop-words changes words, but --task relate needs both entities and "
            "the words between them as they are. Leave the option out.",
        ),
    ],
)
def test_options_that_a_task_has_no_use_for_are_refused(train, task, options, mistake):
    name = write("a.conll", *("Ann B-PER", "left O", ""))
    files = ("--validation", name, "--test", name)
    assert train(task, name, *files, *options).mistake == mistake


def test_records_are_for_the_task_that_they_were_prepared_for(train, encoder):
    rows = [{"text": "a" * (n + 1), "label": "xy"[n % 2]} for n in range(60)]
    data = write_json("a.jsonl", *rows)
    succeed("prepare", "--data", data, "--encoder", encoder, *QUICK[:2])
    assert train("tag", "records").mistake.startswith("--task is tag, but ")
    outcome = train("tag", "records")
    assert outcome.mistake.endswith(
        "records' was prepared for --task classify. Give that task, or prepare the "
        "data again."
    )


def test_a_search_needs_a_model_of_vectors(reviews_run, here):
    write("texts.txt", "a film")
    outcome = bert_cpu("search", reviews_run.directory, "film", "--file", "texts.txt")
    assert outcome.mistake == (
        f"'{reviews_run.directory}' was trained for --task classify, but a search "
        "needs vectors. Train a model with --task embed."
    )


@pytest.mark.slow
def test_a_text_without_a_mask_asks_for_nothing(here, encoder):
    """A model that was never trained is enough to be asked."""
    data = write("a.csv", "text", *("Ann saw Rome and Bern",) * 8)
    files = ("--data", data, "--validation", data, "--test", data)
    where = ("--name", "fill", "--threads", 1)
    settings = (*LENGTH, "--epochs", 1, "--dtype", "float32")
    named = ("--task", "fill", "--encoder", encoder, *where)
    succeed("train", *named, *files, *settings)
    succeed("export", *where)
    mistake = bert_cpu("predict", "runs/fill", "Ann saw [mask]").mistake
    assert mistake == (
        "Text 1: The text 'Ann saw [mask]' has no [MASK]. Write [MASK], in capitals, "
        "where a word is missing."
    )
    asked = succeed("predict", "runs/fill", "Ann saw [MASK]", "--json")
    assert len(json.loads(asked.out)["fills"]) == 1


LOST = {
    "answer": (
        [
            {"question": question, "context": "Ann", "answers": answers}
            for question in ("who? ??", "who? ???")  # 6 tokens, and 7.
            for answers in ([{"text": "Ann", "start": 0}], [])
        ],
        16,
        "4 examples; 2 texts were behind a question of over half of 16 tokens, which "
        "was cut, 0 were empty",
    ),
    "relate": (
        [
            {"text": f"<e1>a</e1>{'.' * length}<e2>b</e2>", "label": label}
            for length, label in ((1, "x"), (2, "y"), (90, "x"))
        ],
        40,
        "2 examples; 1 text was left out, with entities in no window of 40 tokens "
        "together, 0 were empty",
    ),
}


@pytest.mark.parametrize("task", LOST)
def test_what_windows_do_not_hold_is_told(here, encoder, task):
    rows, max_length, said = LOST[task]
    name = write_json("a.jsonl", *rows)
    files = ("--data", name, "--validation", name, "--test", name)
    options = ("--task", task, "--encoder", encoder, "--max-length", max_length)
    outcome = succeed("prepare", *options, "--stride", 1, *files)
    for split in ("train", "validation", "test"):
        assert f"{split}: {said} and left out" in " ".join(outcome.err.split())
