"""Questions and contexts to targets, and logits to answers, in all scripts."""

import dataclasses
import json
import unicodedata

import numpy as np
import pytest
import scipy.special
import tiny_questions
from hypothesis import example, given
from hypothesis import strategies as st

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.answer import AnswerQuestions

TASK = AnswerQuestions()
SURE, UNSURE = ("answer",), ("answer", "no answer")
TEXT = st.text(
    tiny_questions.LETTERS + "éÉ각İ🐈\u0301\ufe0f\u200d ａ，。#",
    min_size=1,
    max_size=24,
)


def ask(context, *spans, question="ab"):
    answers = [[start, end, context[start:end]] for start, end in spans]
    return Example(question, context, {"id": "q1", "answers": answers}, "a.json")


def peaks(window, target):
    """Logits that are high where a target points."""
    logits = np.zeros((len(window), 2), np.float32)
    logits[target["start"], 0] = logits[target["end"], 1] = 9
    return {"logits": logits}


def encode_and_answer(example, max_length, stride=0):
    windows = tiny_questions.read_windows(
        example.text, example.text_pair, max_length, stride
    )
    targets = TASK.encode(example, windows, None, {"answer": 0})
    if not any(target["start"] for target in targets):
        return None
    outputs = [peaks(*each) for each in zip(windows, targets, strict=True)]
    return TASK.answer(example, windows, outputs, SURE)


def end_with_accents(text, end):
    """Where a word ends that has accents behind it, joiners between them or not."""
    kinds = [unicodedata.category(character) for character in text[end:]]
    for at, kind in enumerate(kinds, start=end + 1):
        if kind[0] == "M":
            end = at
        elif kind != "Cf":
            break
    return end


@example("11\u200d\u0301", (0, 2))
@given(text=TEXT, cut=st.tuples(st.integers(0, 23), st.integers(1, 8)))
def test_an_answer_that_is_encoded_comes_back_in_whole_word_pieces(text, cut):
    start, end = cut[0], min(sum(cut), len(text))
    if start >= end:
        return
    example = ask(text, (start, end))
    (window,) = tiny_questions.read_windows("ab", text, 99)
    # Where each word piece is, with the accents that the tokenizer left out.
    places = []
    for (first, last), sequence in zip(
        window.offsets, window.sequence_ids, strict=True
    ):
        places.append((first, end_with_accents(text, last), sequence))
    pieces = [(a, b) for a, b, sequence in places if sequence == 1]
    found = encode_and_answer(example, 99)
    if found is None:
        assert not any(text[at].isalnum() for at in range(start, end))
        return
    assert text[found.start : found.end] == found.answer
    # Nothing that can be seen is lost...
    for at in range(start, end):
        assert found.start <= at < found.end or not text[at].isalnum()
    # ...and no piece is there that has no part in the answer.
    for first, last in pieces:
        if found.start <= first and last <= found.end:
            assert first < end
            assert last > start
    if start in [a for a, _ in pieces] and end in [b for _, b in pieces]:
        assert (found.start, found.end) == (start, end)


@pytest.mark.parametrize(
    ("context", "gold", "expected"),
    [
        ("a café b", "café", "café"),
        ("a CAFE\u0301 b", "CAFE\u0301", "CAFE\u0301"),
        ("他在上海。", "上海", "上海"),
        ("他在 上 海，", "上 海", "上 海"),
        ("bad ａｂｃ１ bad", "ａｂｃ１", "ａｂｃ１"),
        ("a 🐈 b", "🐈", "🐈"),
        ("a 👨\u200d👩\u200d👧 b", "👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("İabc각", "İabc각", "İabc각"),
        ("see 1,000 bags", "1,000", "1,000"),
        ("(abc)", "abc", "abc"),
        ("x नमस्ते y", "नमस्ते", "नमस्ते"),
        # Inside a word piece, or a word that has none: the whole of it.
        ("a cafe b", "af", "cafe"),
        ("a 🐈🐕 b", "🐕", "🐈🐕"),
        # Around one.
        ("a  bc  d", " bc ", "bc"),
    ],
)
def test_a_gold_answer_comes_back(context, gold, expected):
    start = context.index(gold)
    found = encode_and_answer(ask(context, (start, start + len(gold))), 99)
    assert found.answer == context[found.start : found.end] == expected


@given(
    at=st.integers(0, 59),
    size=st.integers(1, 3),
    max_length=st.integers(12, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_an_answer_is_found_in_whichever_window_holds_it(at, size, max_length, seed):
    random = np.random.default_rng(seed)
    context = "".join(random.choice(list("1, 上海"), size=60)) + "d"
    gold = context[at : at + size].strip()
    if not gold:
        return
    start = context.index(gold, at)
    found = encode_and_answer(ask(context, (start, start + len(gold))), max_length, 3)
    assert (found.answer, found.start) == (gold, start)


def test_the_third_window_holds_the_answer():
    context = "a b c d e f g h a b c d e"
    windows = tiny_questions.read_windows("ab", context, 10, stride=1)
    example = ask(context, (20, 23))
    targets = TASK.encode(example, windows, None, {"answer": 0})
    # [CLS] a ##b [SEP], and behind it five of the context: "c d" are its last.
    assert [len(window) for window in windows] == [10, 10, 10]
    assert targets == [{"start": 0, "end": 0}] * 2 + [{"start": 6, "end": 7}]
    assert windows[2].tokens[6:8] == ["c", "d"]
    assert encode_and_answer(example, 10, 1).answer == "c d"


def test_a_window_with_half_of_the_answer_points_at_nothing():
    context = "a b c d e f g h"
    windows = tiny_questions.read_windows("ab", context, 10, stride=2)
    # "e f" is the end of the first window with its first half, whole in the second.
    targets = TASK.encode(ask(context, (8, 11)), windows, None, {"answer": 0})
    assert [window.tokens[4:-1] for window in windows] == [list("abcde"), list("defgh")]
    assert targets == [{"start": 0, "end": 0}, {"start": 5, "end": 6}]


def test_an_answer_that_no_window_holds_whole_gives_way_to_the_next():
    context = "a b c d e f g h"
    windows = tiny_questions.read_windows("ab", context, 10, stride=2)
    wide, narrow, space = (0, 15), (2, 3), (1, 2)
    targets = TASK.encode(ask(context, wide, space, narrow), windows, None, {})
    assert targets == [{"start": 5, "end": 5}, {"start": 0, "end": 0}]
    # There is no other: the windows point at nothing, but the question stays.
    targets = TASK.encode(ask(context, wide, space), windows, None, {})
    assert targets == [{"start": 0, "end": 0}] * 2


def test_a_question_without_an_answer_points_at_the_first_token():
    windows = tiny_questions.read_windows("ab", "a b c d e f g h", 10)
    targets = TASK.encode(ask("a b c d e f g h"), windows, None, {})
    assert targets == [{"start": 0, "end": 0}] * 2


def test_a_question_longer_than_a_window_leaves_room_for_the_context():
    context = "a b c 上海 d e f"
    example = ask(context, (6, 8), question="abc " * 50)
    assert encode_and_answer(example, 16, 2).answer == "上海"


@pytest.mark.parametrize("context", ["", " \u3000", "\u200d"])
def test_a_context_with_nothing_in_it_has_no_answer(context):
    example = dataclasses.replace(ask(context), label=None)
    windows = tiny_questions.read_windows("ab", context, 16)
    outputs = [peaks(window, {"start": 0, "end": 0}) for window in windows]
    for each in (windows, outputs), ([], []):
        found = TASK.answer(example, *each, SURE)
        assert (found.answer, found.start, found.end, found.n_best) == (
            *(None, None, None),
            [],
        )
        assert found.columns() == ["-", "1.0000"]
        json.dumps(dataclasses.asdict(found), allow_nan=False)


def random_answer(labels, seed, null):
    example = ask("a b\nc 上 海 d e f g h 1 2 中 文")
    windows = tiny_questions.read_windows("ab", example.text_pair, 12, stride=3)
    random = np.random.default_rng(seed)
    outputs = [
        {"logits": random.normal(0, 3, (len(window), 2)).astype(np.float32)}
        for window in windows
    ]
    for output in outputs:
        output["logits"][0] += null
    return example, outputs, TASK.answer(example, windows, outputs, labels)


@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_knows_of_no_answer_gives_it_where_it_scores_higher(seed):
    for null in (-20, -2, 0, 1, 2, 20):
        _, outputs, sure = random_answer(SURE, seed, null)
        _, _, unsure = random_answer(UNSURE, seed, null)
        assert unsure.score == sure.score
        assert unsure.n_best == sure.n_best
        lowest = min(float(output["logits"][0].sum()) for output in outputs)
        best = max(each["score"] for each in unsure.n_best) + lowest
        assert (unsure.answer is None) == (lowest >= best)
        assert sure.answer == sure.n_best[0]["answer"]


def test_an_answer_and_none_that_score_the_same_are_none():
    example = ask("a")
    windows = tiny_questions.read_windows("ab", "a", 12)
    outputs = [{"logits": np.zeros((len(windows[0]), 2), np.float32)}]
    found = TASK.answer(example, windows, outputs, UNSURE)
    assert (found.answer, found.start, found.score, found.probability) == (
        *(None, None),
        *(0.0, 0.5),
    )
    assert found.columns() == ["-", "0.5000"]
    assert found.n_best == [{"answer": "a", "start": 0, "end": 1, "score": 0.0}]


@pytest.mark.parametrize(("labels", "null"), [(SURE, 0), (UNSURE, 0), (UNSURE, 20)])
def test_the_probability_is_a_softmax_over_the_best_spans(labels, null, monkeypatch):
    monkeypatch.setattr("bert_cpu.tasks.answer._NUM_LISTED", 99)
    example, _, found = random_answer(labels, 0, null)
    scores = [each["score"] for each in found.n_best]
    assert len(scores) == 20
    assert scores == sorted(scores, reverse=True)
    shares = scipy.special.softmax([*scores, *([0.0] if labels == UNSURE else [])])
    expected = shares[-1] if null else shares[0]
    assert found.probability == pytest.approx(expected)
    for each in found.n_best:
        assert example.text_pair[each["start"] : each["end"]] == each["answer"]


def test_an_answer_is_json_and_fits_in_columns_of_one_line():
    found = TASK.answer(
        ask("a b\nc"),
        tiny_questions.read_windows("ab", "a b\nc", 12),
        [peaks(range(9), {"start": 5, "end": 6})],
        SURE,
    )
    assert (found.text, found.answer, found.start, found.end) == ("ab", "b\nc", 2, 5)
    assert found.columns() == ["b c", f"{found.probability:.4f}"]
    assert json.loads(json.dumps(dataclasses.asdict(found)))["score"] == 18.0


@pytest.mark.parametrize("field", ["normalize", "stop_words", "stem"])
def test_what_would_change_the_text_is_refused(field):
    value = True if field == "normalize" else "english"
    with pytest.raises(UserError, match="places in it"):
        TASK.check(PrepareSettings(**{field: value}))
