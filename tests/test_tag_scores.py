"""Found entities next to the true ones: scores, and the first mistake."""

import functools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import v1
from seqeval.scheme import IOB2

from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.tag import Tag
from bert_cpu.text.bio import spans_to_tags, tags_to_spans
from bert_cpu.text.entities import Entities, Entity

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
SETTINGS = PrepareSettings()
TAG = Tag()


def asked(text, label):
    return Example(text, None, label, "line 1")


def answered(text, spans):
    return Entities(text, [Entity(a, b, text[a:b], kind, 0.75) for a, b, kind in spans])


WORDS = ["Wu", "吴明", "a-b", "café"]
TAGS = st.lists(st.sampled_from(LABELS), min_size=1, max_size=8)


@given(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=5))
def test_scores_of_places_are_seqevals_scores_of_word_tags(pairs):
    examples, answers, true, guessed = [], [], [], []
    for pair in pairs:
        length = min(map(len, pair))
        spans = [tags_to_spans(tags[:length], repair=True) for tags in pair]
        tags = [spans_to_tags(each, length) for each in spans]
        true.append(tags[0])
        guessed.append(tags[1])
        tokens = [WORDS[index % 4] for index in range(length)]
        read = [
            TAG.read(("line 1", {"tokens": tokens, "tags": each}), SETTINGS)
            for each in tags
        ]
        examples.append(read[0])
        answers.append(answered(read[1].text, read[1].label))
    measured = TAG.measure(examples, answers, LABELS)
    score = functools.partial(
        v1.precision_recall_fscore_support, scheme=IOB2, zero_division=0
    )
    expected = score(true, guessed, average="micro")
    names = ("precision", "recall", "f1")
    assert [measured[name] for name in names] == pytest.approx(expected[:3])
    for number, kind in enumerate(v1.unique_labels(true, guessed, IOB2)):
        for name, values in zip(
            (*names, "examples"), score(true, guessed, average=None), strict=True
        ):
            assert measured["per_label"][kind][name] == pytest.approx(values[number])
    assert measured["examples"] == len(pairs)
    json.dumps(measured)


def test_scores_counted_by_hand():
    text = "吴明和李在北京"  # 7 characters
    example = asked(text, [[0, 2, "PER"], [3, 4, "PER"], [5, 7, "LOC"]])
    found = [(0, 2, "PER"), (3, 4, "LOC"), (5, 6, "LOC")]
    measured = TAG.measure([example], [answered(text, found)], (*LABELS, "B-X", "I-X"))
    none = {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert measured == {
        "f1": pytest.approx(1 / 3),
        "precision": pytest.approx(1 / 3),
        "recall": pytest.approx(1 / 3),
        "accuracy": pytest.approx(5 / 7),
        "examples": 1,
        "per_label": {
            "LOC": none | {"examples": 1},
            "PER": {"precision": 1, "recall": 0.5, "f1": pytest.approx(2 / 3)}
            | {"examples": 2},
            "X": none | {"examples": 0},
        },
    }


def test_the_first_wrong_entity_is_the_mistake():
    text = "Wu met Li in Rome"
    example = asked(text, [[0, 2, "PER"], [7, 9, "PER"]])
    assert TAG.mistake(example, answered(text, example.label)) is None
    found = [(0, 2, "PER"), (7, 12, "LOC"), (13, 17, "LOC")]
    assert TAG.mistake(example, answered(text, found)) == {
        "label": "PER:Li",
        "predicted": "LOC:Li in",
        "probability": 0.75,
    }
    missed = TAG.mistake(example, answered(text, found[:1]))
    assert missed == {"label": "PER:Li", "predicted": "-", "probability": 0.0}
    made_up = TAG.mistake(asked(text, []), answered(text, found[2:]))
    assert made_up == {"label": "-", "predicted": "LOC:Rome", "probability": 0.75}
