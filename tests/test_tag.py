"""From entities to a tag a word piece, and from outputs back to the same entities."""

import dataclasses
import functools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_letters import tiny_letters

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.tag import Tag
from bert_cpu.text.bio import tags_to_spans
from bert_cpu.text.entities import Entities, Entity
from bert_cpu.text.windows import WindowReader
from bert_cpu.text.words import read_words

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
IDS = {label: number for number, label in enumerate(LABELS)}
SETTINGS = PrepareSettings()
TAG = Tag()


@functools.cache
def reader(max_length=128, stride=0, lowercase=True):
    return WindowReader(tiny_letters(lowercase), max_length, "text", stride)


def windows_of(text, *settings):
    return reader(*settings)([(text, None)])[0].windows


def asked(text, label=None):
    return Example(text, None, label, "line 1")


def right_outputs(windows, targets):
    """As sure as can be of each word's first token, and wrong about all others."""
    outputs = []
    for window, target in zip(windows, targets, strict=True):
        logits = np.full((len(window), len(LABELS)), -9.0, np.float32)
        logits[:, IDS["B-LOC"]] = 9
        for token, tag in enumerate(target["tags"]):
            if tag >= 0:
                logits[token] = np.eye(len(LABELS))[tag] * 9
        outputs.append({"logits": logits})
    # Where nothing was to be learned there is nothing.
    for word in read_words(windows):
        for number, token in word.places:
            if targets[number]["tags"][token] < 0:
                outputs[number]["logits"][token] = np.eye(len(LABELS))[IDS["O"]] * 9
    return outputs


def there_and_back(example, *settings):
    windows = windows_of(example.text, *settings)
    targets = TAG.encode(example, windows, None, IDS)
    return TAG.answer(
        asked(example.text), windows, right_outputs(windows, targets), LABELS
    )


def test_first_pieces_of_words_are_tagged_and_nothing_else():
    example = asked("Mr. Wu, 吴明x", [[4, 6, "PER"], [8, 10, "LOC"]])
    (window,) = windows_of(example.text)
    (target,) = TAG.encode(example, [window], None, IDS)
    names = [LABELS[tag] if tag >= 0 else tag for tag in target["tags"]]
    assert list(zip(window.tokens, names, strict=True)) == [
        ("[CLS]", -100),
        *(("m", "O"), ("##r", -100), (".", -100)),
        *(("w", "B-PER"), ("##u", -100), (",", "O")),
        *(("吴", "B-LOC"), ("明", "I-LOC"), ("x", "O")),
        ("[SEP]", -100),
    ]


@pytest.mark.parametrize(
    ("text", "spans", "tagged"),
    [
        ("a-b c.", [], ["a", "c"]),
        ("a-b c.", [[2, 3, "PER"]], ["a", "-", "b", "c"]),
        ("(a) b", [[1, 2, "PER"]], ["(", "a", ")", "b"]),
        ("吴明, b.", [], ["吴", "明", ",", "b"]),
        ("a http://b.c/d e", [], ["a", "h", "e"]),
        # All of it or nothing.
        ("(www.b.c) e", [[5, 6, "PER"]], ["(", "w", ")", "e"]),
    ],
)
def test_of_words_together_without_an_entity_the_first_is_tagged(text, spans, tagged):
    (window,) = windows_of(text)
    (target,) = TAG.encode(asked(text, spans), [window], None, IDS)
    found = [
        token
        for token, tag in zip(window.tokens, target["tags"], strict=True)
        if tag >= 0
    ]
    assert found == tagged


def test_an_address_is_an_entity_as_a_whole():
    answer = there_and_back(asked("at (http://b.c/d) now", [[4, 16, "LOC"]]))
    assert answer.spans() == [(4, 16, "LOC")]


def test_a_word_is_tagged_in_each_window_that_has_its_first_piece():
    example = asked("a bcd e", [[2, 5, "PER"]])
    windows = windows_of(example.text, 5, 1)
    targets = TAG.encode(example, windows, None, IDS)
    assert [window.tokens[1:-1] for window in windows] == [
        ["a", "b", "##c"],
        ["##c", "##d", "e"],
    ]
    b, o = IDS["B-PER"], IDS["O"]
    assert [target["tags"] for target in targets] == [
        [-100, o, b, -100, -100],
        [-100, -100, -100, o, -100],
    ]


def test_a_word_with_a_part_of_an_entity_belongs_to_it():
    # Both the tags and the answer then have the whole word.
    answer = there_and_back(asked("anti-Wuism now", [[5, 7, "PER"]]))
    assert answer.spans() == [(5, 10, "PER")]


# What tokenizers drop at the ends of a token, and what is between.
UNSEEN = ["", "", "", "\u200b", "\ufeff", "\x01", "\u200d", "\u202e"]
SEEN = [
    *("a", "Wu", "b-c", "@xy", "'s", "U.S.", "1999", "İz", "ßs"),
    *(
        "caf\u00e9",
        "cafe\u0301",
        "e\u0301\u0302x",
        "a\x01b",
        "a\u200bc",
        "e\u200d\u0301",
    ),
    *("Ｂｂ", "１９", "（", "吴", "明", "京吴", "鱟", "か", "한국"),
    *(
        "👩",
        "👩\u200d👩\u200d👧",
        "❤\ufe0f",
        "👍🏽",
        "1\ufe0f\u20e3",
        "\U0001f972",
        "ﷺ",
    ),
]
TOKENS = st.tuples(*map(st.sampled_from, (UNSEEN, SEEN, UNSEEN)))
TAGGED = st.lists(st.tuples(TOKENS, st.sampled_from(LABELS)), max_size=8)
WINDOWS = st.sampled_from([(128, 0), (7, 0), (7, 2), (12, 5), (4, 1)])


@given(TAGGED, WINDOWS, st.booleans())
def test_spans_cut_from_the_text_are_what_the_tokens_said(tagged, window, lowercase):
    tokens = ["".join(parts) for parts, _ in tagged]
    seen = [parts[1] for parts, _ in tagged]
    tags = [tag for _, tag in tagged]
    row = "line 1", {"tokens": tokens, "tags": tags}
    example = TAG.read(row, dataclasses.replace(SETTINGS, repair=True))
    answer = there_and_back(example, *window, lowercase)
    assert answer.spans() == [tuple(span) for span in example.label]
    spans = tags_to_spans(tags, repair=True)
    for entity, (first, behind, kind) in zip(answer.entities, spans, strict=True):
        assert example.text[entity.start : entity.end] == entity.text
        assert entity.label == kind
        assert 0.99 < entity.probability <= 1
        # The first token's first letter to the last token's last mark.
        assert entity.text.startswith(seen[first])
        assert entity.text.endswith(seen[behind - 1])
        assert len(entity.text) <= len(" ".join(tokens[first:behind]))
        if behind == first + 1:
            assert entity.text == seen[first]


def word_outputs(text, seed, *settings):
    """Windows, and random logits which are a word's own, whatever the window."""
    windows = windows_of(text, *settings)
    random = np.random.default_rng(seed)
    outputs = [
        {"logits": np.float32(random.normal(0, 9, (len(window), len(LABELS))))}
        for window in windows
    ]
    own = np.random.default_rng(seed + 1)
    for word in read_words(windows):
        logits = own.normal(0, 3, len(LABELS))
        for number, token in word.places:
            outputs[number]["logits"][token] = logits
    return windows, outputs


@given(
    st.text("ab吴, \u0301é한ｂ", max_size=30),
    WINDOWS.filter(lambda w: w[0] < 128),
    st.integers(0, 99),
)
def test_windows_that_agree_say_what_one_window_would(text, window, seed):
    several = TAG.answer(asked(text), *word_outputs(text, seed, *window), LABELS)
    assert several == TAG.answer(asked(text), *word_outputs(text, seed), LABELS)


def test_a_word_in_two_windows_is_read_where_more_is_around_it():
    text = "a b c d e f g"
    windows = windows_of(text, 7, 3)
    assert [window.tokens[1:-1] for window in windows] == [list("abcde"), list("cdefg")]
    for says_so, expected in [(0, "c"), (1, "e")]:
        outputs = [
            {"logits": np.eye(len(LABELS))[[0] * len(window)] * 9} for window in windows
        ]
        for token in range(1, 6):
            outputs[says_so]["logits"][token, IDS["B-PER"]] = 99
        entities = TAG.answer(asked(text), windows, outputs, LABELS).entities
        # The first window has c in its middle and e at its end, the second has
        # them the other way round.
        found = {entity.text for entity in entities} & {"c", "e"}
        assert found == {expected}


def test_the_probability_is_that_of_the_least_sure_word():
    text = "Wu Ming"
    windows = windows_of(text)
    logits = np.full((len(windows[0]), len(LABELS)), -50.0)
    logits[1, IDS["B-PER"]] = logits[3, IDS["O"]] = logits[3, IDS["I-PER"]] = 0
    logits[3, IDS["I-PER"]] = np.log(3)
    (entity,) = TAG.answer(asked(text), windows, [{"logits": logits}], LABELS).entities
    assert dataclasses.asdict(entity) == {
        "start": 0,
        "end": 7,
        "text": "Wu Ming",
        "label": "PER",
        "probability": pytest.approx(3 / 4),
    }


@pytest.mark.parametrize("text", ["", " ", "\u200b\n"])
def test_nothing_to_read_has_no_entities(text):
    windows = windows_of(text)
    outputs = [{"logits": np.zeros((len(window), 5))} for window in windows]
    empty = Entities(text, [])
    assert TAG.answer(asked(text), windows, outputs, LABELS) == empty
    assert TAG.answer(asked(text), [], [], LABELS) == empty
    assert empty.columns() == ["-"]


def test_an_answer_is_one_column_and_json():
    answer = Entities(
        "Wu\nLi in 北京",
        [Entity(0, 5, "Wu\nLi", "PER", 0.5), Entity(9, 11, "北京", "LOC", 1.0)],
    )
    assert answer.columns() == ["PER:Wu Li, LOC:北京"]
    assert json.loads(json.dumps(dataclasses.asdict(answer)))["entities"][1] == {
        "start": 9,
        "end": 11,
        "text": "北京",
        "label": "LOC",
        "probability": 1.0,
    }


def test_a_model_of_other_labels_is_refused():
    windows = windows_of("a")
    with pytest.raises(
        UserError, match="tells 4 labels apart, but its model.json name"
    ):
        TAG.answer(asked("a"), windows, [{"logits": np.zeros((3, 4))}], LABELS)


def test_labels_are_o_and_then_both_tags_of_each_type():
    example = asked("", [[0, 1, "b"], [2, 3, "a-c"], [4, 5, "b"]])
    names = ["O", "B-a-c", "I-a-c", "B-b", "I-b"]
    assert sorted(TAG.label_names(example)) == sorted(names)
    assert TAG.order_labels({"I-b", "B-a-c", "O"}) == tuple(names)
    assert TAG.order_labels({"O"}) == ("O",)
