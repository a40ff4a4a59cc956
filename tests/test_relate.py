"""Two marked entities: how they are read, learned from and answered."""

import dataclasses
import json
import re

import numpy as np
import pytest
import tensorflow as tf
import tiny_head
from hypothesis import given
from hypothesis import strategies as st
from tiny_relations import CHINESE, TASK, TEXT, WITH_SIGNS, WORDS, windows

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.text.rows import read_rows

LABELS = ("Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Other")


def read(**values):
    row = {"text": TEXT, "label": LABELS[1], **values}
    return TASK.read(("a.jsonl line 3", row), PrepareSettings())


@pytest.mark.parametrize("text", [TEXT, CHINESE, "<e1>a</e1><e2>b</e2>"])
def test_a_marked_text_is_read_as_it_stands(text):
    expected = Example(text, None, LABELS[1], "a.jsonl line 3")
    assert read(text=text) == expected
    # Offsets are for texts without marks.
    assert read(text=text, e1="smoke", e2=[0, 99]) == expected


@pytest.mark.parametrize(
    ("e1", "e2", "text"),
    [
        ([4, 9], [15, 19], TEXT),
        ([15, 19], [4, 9], "The <e2>smoke</e2> of a <e1>fire</e1>."),
        ([0, 9], [9, 20], "<e1>The smoke</e1><e2> of a fire.</e2>"),
    ],
)
def test_offsets_become_marks(e1, e2, text):
    assert read(text="The smoke of a fire.", e1=e1, e2=e2).text == text


@given(st.text(min_size=2).filter(lambda text: "<" not in text), st.data())
def test_marks_hold_what_the_offsets_say(text, data):
    places = st.lists(st.integers(0, len(text)), min_size=4, max_size=4)
    start, end, other_start, other_end = sorted(data.draw(places))
    first, second = text[start:end], text[other_start:other_end]
    if not (first.strip() and second.strip()):
        return
    marked = read(text=text, e2=[start, end], e1=[other_start, other_end]).text
    assert f"<e2>{first}</e2>" in marked
    assert f"<e1>{second}</e1>" in marked
    for mark in ("<e1>", "</e1>", "<e2>", "</e2>"):
        marked = marked.replace(mark, "")
    assert marked == text


@pytest.mark.parametrize(
    "span", [None, "smoke", 4, [4], [4, 9, 12], [9, 4], [4, 4], [-1, 4], [4, 21]]
)
def test_offsets_that_are_no_span_of_the_text_are_refused(span):
    message = (
        r"^a\.jsonl line 3 has .+ as 'e1', but \[start, end\] of an entity was "
        r"expected, within the 20 characters of its text\. Mend the row, or mark the "
        r"text, as in 'The <e1>smoke</e1> came from a <e2>fire</e2>'\.$"
    )
    with pytest.raises(UserError, match=message):
        read(text="The smoke of a fire.", e1=span, e2=[15, 19])


def test_an_entity_without_offsets_is_named():
    with pytest.raises(UserError, match="line 3 has null as 'e2', but"):
        read(text="The smoke of a fire.", e1=[4, 9])
    with pytest.raises(UserError, match=r"line 3 has \[true, 9\] as 'e1', but"):
        read(text="The smoke of a fire.", e1=[True, 9], e2=[15, 19])


def test_offsets_that_overlap_are_refused():
    message = r"line 3 has entities that overlap: \[4, 9\] and \[8, 19\]\. Give two"
    with pytest.raises(UserError, match=message):
        read(text="The smoke of a fire.", e1=[8, 19], e2=[4, 9])


BAD_TEXTS = [
    ("no mark", r"has no <e1>, but two marked entities were expected, as in 'The <e1>"),
    ("<e1>a</e1> b", r"has no <e2>, but two marked entities were expected, as in "),
    ("<e1>a <e2>b</e2>", r"has no </e1>, but two marked .* Mark each of them once\.$"),
    ("<e1>a</e1> <e2>b</e2> <e1>c</e1>", "has 2 times <e1>, but two marked"),
    ("<e1>a</e1> <e2>b</e2></e2>", "has 2 times </e2>, but two marked"),
    (
        "<e1>a <e2>b</e2></e1>",
        "has its marks in the order <e1> <e2> </e2> </e1>, but each entity must end "
        "before the next begins, as in .* Move them",
    ),
    (
        "<e1>a <e2>b</e1> c</e2>",
        "has its marks in the order <e1> <e2> </e1> </e2>, but",
    ),
    ("</e1>a<e1> <e2>b</e2>", "has its marks in the order </e1> <e1> <e2> </e2>, but"),
    ("<e1>a</e1> <e2> </e2>", "has nothing between <e2> and </e2>. Mark the words of"),
    ("<E1>x</E1> <e1>a</e1> <e2>b</e2>", "has '<E1>', which BERT may read as a mark"),
    ("<e1>a</e1> < e2 > <e2>b</e2>", "has '< e2 >', which BERT may read as a mark"),
    ("<e1></e1> <e2>雨</e2>", "has nothing between <e1> and </e1>. Mark the words of"),
]


@pytest.mark.parametrize(("text", "message"), BAD_TEXTS)
def test_bad_marks_are_refused_when_learning_and_when_answering(text, message):
    with pytest.raises(UserError, match=f"^a.jsonl line 3 {message}"):
        read(text=text)
    with pytest.raises(UserError, match=f"^The text {message}"):
        TASK.answer(Example(text, None, None, ""), windows(text), [], LABELS)


def test_blank_offsets_are_refused_as_blank_marks():
    with pytest.raises(UserError, match="has nothing between <e1> and </e1>"):
        read(text="The smoke of a fire.", e1=[3, 4], e2=[15, 19])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"text_pair": "b"}, "^--text-pair is b, but --task relate reads one text "),
        ({"stop_words": "english"}, "^--stop-words changes words, but --task relate n"),
        ({"stem": "chinese"}, "^--stem changes words, but --task relate needs both"),
    ],
)
def test_settings_that_would_lose_an_entity_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        TASK.check(PrepareSettings(**settings))
    TASK.check(PrepareSettings(normalize=True))


def test_semevals_own_file_is_read(tmp_path):
    path = tmp_path / "TRAIN.TXT"
    path.write_text(f'1\t"{TEXT}"\n{LABELS[1]}\nComment:\n\n2\t"{CHINESE}"\nOther\n')
    rows = list(read_rows(path, TASK.formats))
    examples = [TASK.read(row, PrepareSettings()) for row in rows]
    assert [(each.text, each.label) for each in examples] == [
        (TEXT, LABELS[1]),
        (CHINESE, "Other"),
    ]


IDS = {label: index for index, label in enumerate(LABELS)}


LONG = f"a a a a a {TEXT} of of of of of of of of of"


def has_both(window):
    return {"<e1>smoke</e1>", "<e2>fire</e2>"} <= set(
        re.findall(r"<(?:e\d)>\w+</e\d>", "".join(window.tokens).replace("##", ""))
    )


def test_of_a_long_text_the_windows_with_both_entities_are_learned_from():
    example = Example(LONG, None, LABELS[1], "")
    read_windows = windows(LONG, 26, stride=20)
    whole = [has_both(window) for window in read_windows]
    assert 0 < sum(whole) < len(whole)
    assert TASK.encode(example, read_windows, None, IDS) == [
        {"label": 1, "is_whole": each} for each in whole
    ]


def test_a_text_whose_entities_are_in_no_window_is_left_out():
    example = Example(LONG, None, LABELS[1], "")
    assert TASK.encode(example, windows(LONG, 20), None, IDS) is None


@pytest.mark.parametrize("text", [TEXT, CHINESE])
def test_a_short_text_is_one_window(text):
    example = Example(text, None, LABELS[1], "")
    expected = [{"label": 1, "is_whole": 1}]
    assert TASK.encode(example, windows(text), None, IDS) == expected


def test_a_window_without_both_entities_has_no_loss():
    batch = {"label": tf.constant([1, 1]), "is_whole": tf.constant([1.0, 0.0])}
    logits = np.float32([[1, 2, 3], [4, 5, 6]])
    losses, counts = TASK.losses(batch, {"logits": tf.constant(logits)}, 0.0)
    shares = np.exp(logits[0]) / np.exp(logits[0]).sum()
    np.testing.assert_allclose(losses, [-np.log(shares[1]), 0], rtol=1e-5)
    np.testing.assert_array_equal(counts, [1, 0])


@pytest.mark.parametrize(
    ("task", "lacks"),
    [
        (TASK, (r"doesn't spell {}", r", or --entity-marks signs for \$ and #")),
        (WITH_SIGNS, (r"has no \$ and #, and doesn't spell {}", "")),
    ],
)
def test_a_vocabulary_that_cant_spell_the_marks_is_refused(task, lacks):
    lacks, or_else = lacks
    words = tuple(word for word in WORDS if word != "##2")
    example = Example(TEXT, None, LABELS[1], "a.csv line 2")
    message = (
        r"^a\.csv line 2 has marks that the encoder can't read: its vocabulary "
        f"{lacks.format('<e1> </e1> <e2> </e2>')}\\. Choose another --encoder"
        f"{or_else}\\.$"
    )
    with pytest.raises(UserError, match=message):
        task.encode(example, windows(TEXT, words=words, task=task), None, IDS)


def test_the_lean_logits_are_the_models_and_the_model_learns():
    encoder = tiny_head.tiny_encoder()
    model = TASK.build(encoder, LABELS, dropout=0.0)
    targets = {"label": np.int32([0, 1, 2]), "is_whole": np.ones(3, np.float32)}
    losses = tiny_head.train(TASK, model, targets, learning_rate=0.05)
    assert losses[-1] < losses[0] / 2
    lean = tiny_head.lean_outputs(TASK, encoder, model)
    expected = model(tiny_head.INPUTS)["logits"]
    np.testing.assert_allclose(lean["logits"], expected, atol=1e-5)


@pytest.mark.parametrize("text", [TEXT, CHINESE])
def test_an_answer_is_a_directed_label_with_probabilities(text):
    outputs = [{"logits": np.log(np.float32([0.2, 0.7, 0.1]))}]
    asked = Example(text, None, None, "")
    answer = TASK.answer(asked, windows(text), outputs, LABELS)
    assert json.loads(json.dumps(dataclasses.asdict(answer))) == {
        "text": text,
        "label": "Cause-Effect(e2,e1)",
        "probabilities": pytest.approx(dict(zip(LABELS, [0.2, 0.7, 0.1], strict=True))),
    }


def test_the_first_window_with_both_entities_answers():
    read_windows = windows(LONG, 26, stride=20)
    first = [has_both(window) for window in read_windows].index(True)
    outputs = [{"logits": np.float32([0, 9, 0])} for _ in read_windows]
    outputs[first] = {"logits": np.float32([0, 0, 9])}
    assert first > 0
    asked = Example(LONG, None, None, "")
    assert TASK.answer(asked, read_windows, outputs, LABELS).label == "Other"


def test_there_is_no_label_for_entities_in_no_window():
    read_windows = windows(LONG, 20)
    outputs = [{"logits": np.float32([1, 2, 3])} for _ in read_windows]
    answer = TASK.answer(Example(LONG, None, None, ""), read_windows, outputs, LABELS)
    assert (answer.label, answer.probabilities) == (None, {})
