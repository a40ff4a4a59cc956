"""Tasks read the sets of TensorFlow's catalogue that are made for them."""

import catalogue_sets
import pytest
import tensorflow_datasets as tfds
import tiny_records
from catalogue_sets import (
    pair,
    question,
    question_2,
    scored,
    sentence,
    stand_in,
    wiki_sentence,
)
from refusal import refusal_of

from bert_cpu.data.manifest import load_manifest
from bert_cpu.data.pipeline import stored_examples
from bert_cpu.data.prepare import prepare_records
from bert_cpu.data.sources.open_source import open_source
from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings
from bert_cpu.task_catalog import make_task

NO_LABEL = catalogue_sets.LABEL_MISSING


class Topics(tfds.core.GeneratorBasedBuilder):
    """A text has any number of classes, which no set of the catalogue has."""

    VERSION = tfds.core.Version("1.0.0")
    NAMES = ("sea", "land", "air")

    def _info(self):
        classes = tfds.features.ClassLabel(names=self.NAMES)
        features = {"body": tfds.features.Text()}
        features["topics"] = tfds.features.Sequence(classes)
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features)
        )

    def _split_generators(self, dl_manager):
        raise NotImplementedError

    def _generate_examples(self):
        raise NotImplementedError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BERT_CPU_CACHE", str(tmp_path / "cache"))


def opened(data, task, **settings):
    settings = PrepareSettings(data=data, task=task, **settings)
    return open_source(settings, make_task(settings))


def read(data, task, **settings):
    """Split -> its examples in the order of their texts."""
    source = opened(data, task, **settings)
    return {
        split: sorted(each(), key=lambda example: example.text)
        for split, each in source.splits.items()
    }


def refused(data, task, **settings):
    return refusal_of(read, data, task, **settings)


def prepare(directory, data, task, **settings):
    settings = PrepareSettings(data=data, task=task, **settings)
    task = make_task(settings)
    source = open_source(settings, task)
    tokenizer = tiny_records.tokenizer()
    return prepare_records(source, settings, tokenizer, directory, task)


# --- tag ---

CONLL = [
    sentence("EU rejects German call .", "B-ORG O B-MISC O O"),
    sentence("Peter Blackburn", "B-PER I-PER"),
]


@pytest.fixture
def conll(monkeypatch):
    return stand_in(
        monkeypatch, "conll2003", train=CONLL * 2, dev=CONLL, test=CONLL[1:]
    )


def test_tokens_with_a_class_each_are_entities(conll):
    splits = read(conll, "tag", text="tokens", label="ner")
    peter = splits["test"][0]
    assert (peter.text, peter.label) == ("Peter Blackburn", [[0, 15, "PER"]])
    # The only texts need no name.
    assert read(conll, "tag", label="ner") == splits
    train = splits["train"] + splits["validation"]
    found = {
        (text[start:end], kind)
        for text, spans in ((each.text, each.label) for each in train)
        for start, end, kind in spans
    }
    # By hand, from the rows above.
    assert found == {("EU", "ORG"), ("German", "MISC"), ("Peter Blackburn", "PER")}


def test_chinese_tokens_are_joined_without_spaces(monkeypatch):
    row = wiki_sentence("王芳在北京。", "B-PER I-PER O B-LOC I-LOC O", ["PER: 王 芳"])
    data = stand_in(
        monkeypatch, "wikiann/zh", train=[row], validation=[row], test=[row]
    )
    for settings in ({}, {"text": "tokens", "label": "tags"}):
        (example,) = read(data, "tag", **settings)["test"]
        assert example.text == "王芳在北京。"
        assert example.label == [[0, 2, "PER"], [3, 5, "LOC"]]


def test_tags_that_are_not_legal_are_refused_or_repaired(monkeypatch):
    rows = [sentence("a b", "O I-PER")]
    data = stand_in(monkeypatch, "conll2003", train=rows, test=rows)
    assert refused(data, "tag", label="ner") == (
        "tfds:conll2003 train example 1, tag 2, has the tag I-PER after O, which is "
        "not legal BIO. Mend it, or give --repair to begin and end entities where "
        "their type changes."
    )
    (example,) = read(data, "tag", label="ner", repair=True)["test"]
    assert example.label == [[2, 3, "PER"]]


def test_a_sentence_with_a_token_that_has_no_class_is_left_out(monkeypatch, tmp_path):
    train = [sentence(f"a b {n}", "B-PER O O") for n in range(30)]
    test = [sentence("a b", "B-PER O"), sentence("c d", "O O")]
    # What a builder can't write by name.
    test[1]["ner"] = [0, NO_LABEL]
    data = stand_in(monkeypatch, "conll2003", train=train, test=test)
    manifest = prepare(tmp_path / "records", data, "tag", label="ner", most_unknown=1)
    info = manifest.splits["test"]
    assert (info.examples, info.unlabelled_texts) == (1, 1)
    assert [each.example.text for each in stored_examples(manifest, "test")] == ["a b"]


def test_a_column_that_is_no_token_or_tag_is_named(conll):
    for settings, message in (
        ({}, "has no 'tags' (of this kind it has: chunks, ner, pos). Name one with "),
        ({"label": "names"}, "has no 'names' (of this kind it has: chunks, ner, pos)"),
        ({"label": "tokens"}, "has a 'tokens' that is no class (of this kind it has: "),
        (
            {"label": "ner", "text": "words"},
            "has no 'words' (of this kind it has: tokens). Name one with --text,",
        ),
        ({"label": "ner", "text": "pos"}, "has a 'pos' that is no text (of this kind "),
        ({"label": "pos"}, "has the tag 'NN', but O, or B-, I-, E- or S- and a type"),
    ):
        assert message in refused(conll, "tag", **settings)


def test_a_task_that_reads_whole_texts_refuses_tokens(conll):
    assert refused(conll, "classify", text="tokens", label="ner").startswith(
        "'tfds:conll2003' has a 'tokens' that is no text (of this kind it has: none)."
    )


# --- classify ---


def inferred(label, number, **more):
    return pair(f"a b {number}", f"b a {number}", label, **more)


SNLI = [
    inferred(label, f"{label[0]} {number}")
    for number in range(20)
    for label in ("entailment", "neutral", "contradiction")
]


def test_pairs_without_a_gold_label_are_left_out_and_counted(monkeypatch, tmp_path):
    test = [SNLI[0], inferred(NO_LABEL, "x"), *SNLI[1:3], inferred(NO_LABEL, "y")]
    data = stand_in(
        monkeypatch,
        "snli",
        train=[*SNLI, *(inferred(NO_LABEL, n) for n in range(5))],
        validation=SNLI[:4],
        test=test,
    )
    wanted = {"text": "premise", "text_pair": "hypothesis"}
    # TFDS mixes the rows: the first has none, but others of its split have labels.
    assert next(opened(data, "classify", **wanted).splits["test"]()).label is None
    manifest = prepare(tmp_path / "records", data, "classify", **wanted)
    assert manifest.labels == ("entailment", "neutral", "contradiction")
    counts = {
        split: (info.examples, info.unlabelled_texts)
        for split, info in manifest.splits.items()
    }
    assert counts == {"train": (60, 5), "validation": (4, 0), "test": (3, 2)}
    kept = [each.example for each in stored_examples(manifest, "train")]
    expected = [(row["premise"], row["hypothesis"], row["label"]) for row in SNLI]
    found = [(each.text, each.text_pair, each.label) for each in kept]
    assert sorted(found) == sorted(expected)
    assert load_manifest(tmp_path / "records") == manifest


def test_splits_without_any_label_are_taken_for_none(monkeypatch):
    rows = [row | {"idx": number} for number, row in enumerate(SNLI)]
    hidden = [inferred(NO_LABEL, n, idx=n) for n in range(3)]
    data = stand_in(
        monkeypatch,
        "glue/mnli",
        train=rows,
        validation_matched=rows[:5],
        validation_mismatched=rows[5:9],
        test_matched=hidden,
        test_mismatched=hidden,
    )
    splits = read(data, "classify", text="premise", text_pair="hypothesis")
    matched = sorted(row["premise"] for row in rows[:5])
    assert [example.text for example in splits["test"]] == matched
    assert len(splits["train"] + splits["validation"]) == len(rows)
    assert splits["validation"]


def test_a_split_whose_labels_are_of_empty_texts_is_refused(monkeypatch, tmp_path):
    test = [pair("", "", "neutral"), inferred(NO_LABEL, 1)]
    data = stand_in(monkeypatch, "snli", train=SNLI, validation=SNLI, test=test)
    with pytest.raises(UserError) as refusal:
        prepare(
            tmp_path / "records",
            data,
            "classify",
            text="premise",
            text_pair="hypothesis",
        )
    assert str(refusal.value) == (
        "The test split of 'tfds:snli' has only empty texts and 1 without a label. "
        "Name a file with texts and labels by --test."
    )
    # Of two texts none is guessed.
    assert refused(data, "classify") == (
        "'tfds:snli' has no 'text' (of this kind it has: hypothesis, premise). Name "
        "one with --text, or another data set with --data."
    )


# --- multilabel ---


def test_lists_of_classes_are_labels(monkeypatch, tmp_path):
    chosen = [[], ["sea"], ["air", "land"], ["land", "air", "sea"]]
    rows = [
        {"body": f"a b {number}", "topics": chosen[number % 4]} for number in range(60)
    ]
    data = stand_in(
        monkeypatch,
        "topics",
        train=rows,
        validation=rows[:4],
        # No class at all is an answer, and not a label that is missing.
        test=[rows[0], rows[4], {"body": "c", "topics": [0, NO_LABEL]}],
    )
    manifest = prepare(tmp_path / "records", data, "multilabel")
    assert manifest.labels == ("sea", "land", "air")
    assert manifest.splits["train"].label_counts == {"sea": 30, "land": 30, "air": 30}
    test = manifest.splits["test"]
    assert (test.examples, test.unlabelled_texts) == (2, 1)


# --- score and embed ---

STS = [scored(f"a {n}", f"b {n}", (n % 11) / 2, n) for n in range(40)]
PAIR = {"text": "sentence1", "text_pair": "sentence2"}


def test_numbers_are_scores_and_a_test_split_of_minus_ones_is_none(monkeypatch):
    hidden = [scored(f"c {n}", "d", -1.0, n) for n in range(3)]
    data = stand_in(
        monkeypatch, "glue/stsb", train=STS, validation=STS[:6], test=hidden
    )
    for task in ("score", "embed"):
        splits = read(data, task, **PAIR)
        found = {each.text: (each.text_pair, each.label) for each in splits["test"]}
        assert found == {
            row["sentence1"]: (row["sentence2"], row["label"]) for row in STS[:6]
        }
        assert len(splits["train"] + splits["validation"]) == 40
    # It is only nothing to those who look at scores.
    assert read(data, "fill", text="sentence1")["test"][0].text == "c 0"


def test_a_score_of_minus_one_among_others_is_a_score(monkeypatch):
    test = [scored("c", "d", -1.0, 1), scored("e", "f", 1.0, 2)]
    data = stand_in(monkeypatch, "glue/stsb", train=STS, validation=STS, test=test)
    assert [each.label for each in read(data, "score", **PAIR)["test"]] == [-1.0, 1.0]


def test_a_class_is_no_number_and_a_number_no_class(monkeypatch):
    data = stand_in(monkeypatch, "snli", train=SNLI, validation=SNLI, test=SNLI)
    for task in ("score", "embed"):
        message = refused(data, task, text="premise", text_pair="hypothesis")
        assert message.startswith("tfds:snli train example ")
        assert "in column 'label', but a number" in message
    data = stand_in(monkeypatch, "glue/stsb", train=STS)
    assert refused(data, "classify", **PAIR) == (
        "'tfds:glue/stsb' has a 'label' that is no class (of this kind it has: none). "
        "Name one with --label, or another data set with --data."
    )


# --- answer ---


def test_questions_are_read_without_naming_columns(monkeypatch):
    rows = [
        question("Ann saw Rome.", ["Rome", "Ann"], "q1"),
        question("小明去了北京。", ["北京"], "q2"),
    ]
    data = stand_in(monkeypatch, "squad/v1.1", train=rows * 9, validation=rows)
    splits = read(data, "answer")
    assert [each.label for each in splits["test"]] == [
        {"id": "q1", "answers": [[8, 12, "Rome"], [0, 3, "Ann"]]},
        {"id": "q2", "answers": [[4, 6, "北京"]]},
    ]
    assert [each.text_pair for each in splits["test"]] == [
        "Ann saw Rome.",
        "小明去了北京。",
    ]


def test_questions_without_an_answer_stay(monkeypatch, tmp_path):
    rows = [
        question_2("ann saw film.", ["film"] if n % 3 else [], f"q{n}", ["ann"])
        for n in range(30)
    ]
    data = stand_in(monkeypatch, "squad/v2.0", train=rows, validation=rows[:6])
    manifest = prepare(tmp_path / "records", data, "answer", most_unknown=1)
    assert manifest.labels == ("answer", "no answer")
    test = manifest.splits["test"]
    assert test.label_counts == {"answer": 4, "no answer": 2}
    assert test.unlabelled_texts == 0
    # As `--label` may ask for.
    splits = read(data, "answer", label="plausible_answers")
    assert all(each.label["answers"] == [[0, 3, "ann"]] for each in splits["test"])


def test_a_column_that_is_no_question_or_answer_is_named(monkeypatch):
    rows = [question("Ann saw Rome.", ["Rome"])]
    data = stand_in(monkeypatch, "squad/v1.1", train=rows * 9, validation=rows)
    for settings, messages in (
        ({"label": "solutions"}, ("has no column 'solutions' (it has: ", "answers,")),
        (
            {"label": "title"},
            ("in column 'title', but a list of answers was expected",),
        ),
        (
            {"text": "asked"},
            (
                "has no 'asked' (of this kind it has: context, id, question, title). ",
                "Name one with --text",
            ),
        ),
        ({"text_pair": "answers"}, ("has a 'answers' that is no text (of this kind",)),
    ):
        refusal = refused(data, "answer", **settings)
        assert all(message in refusal for message in messages)
