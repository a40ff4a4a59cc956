"""Words are filled in: the same by Keras and by TFLite, in English and Chinese."""

import dataclasses

import numpy as np
import pytest
import tiny_words

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.fill import Answer, Fill
from bert_cpu.tasks.parts.hide_words import MOST_MASKS
from bert_cpu.text.special_tokens import MASK
from bert_cpu.text.windows import WindowReader

WORDS = tiny_words.WORDS
IDS = {word: index for index, word in enumerate(WORDS)}
TOKENIZER = tiny_words.tokenizer()
TASK = Fill()


def windows_of(text, max_length=40, stride=0):
    read = WindowReader(TOKENIZER, max_length, TASK.too_long, stride)
    return read([(text, None)])[0].windows


def sure_of(*words):
    """Outputs in which each row has one word with a large logit, and a second."""
    logits = np.zeros((MOST_MASKS, len(WORDS) + 7), np.float32)
    logits[:, len(WORDS) :] = 99  # No word of the tokenizer.
    for row, word in enumerate(words):
        logits[row, IDS[word]] = 9
        logits[row, IDS["差"]] = 5
    return {"logits": logits}


def answer(text, *words):
    example = Example(text, None, None, "text 1")
    return TASK.answer(example, windows_of(text), [sure_of(*words)], WORDS)


@pytest.mark.parametrize(
    "text, words, filled",
    [
        ("The film was [MASK].", ["good"], "The film was good."),
        ("这家酒店很[MASK]。", ["好"], "这家酒店很好。"),
        ("这家[MASK][MASK]很好。", ["酒", "店"], "这家酒店很好。"),
        ("[MASK][MASK][MASK]!", ["un", "##watch", "##able"], "unwatchable!"),
        ("It was love [MASK]", ["##ly"], "It was lovely"),
        ("[MASK][MASK], [MASK]", ["good", "film", "it"], "good film, it"),
        ("[MASK][MASK]", ["good", "."], "good."),
        ("[MASK][MASK]", ["好", "film"], "好film"),
        ("[mask] [MASK]", ["film"], "[mask] film"),
    ],
)
def test_the_best_words_are_written_in_their_places(text, words, filled):
    given = answer(text, *words)
    assert (given.text, given.filled) == (text, filled)
    assert [offered[0]["word"] for offered in given.fills] == words


def test_five_words_are_offered_with_their_softmax():
    (offered,) = answer("film [MASK]", "good").fills
    assert [each["word"] for each in offered[:2]] == ["good", "差"]
    logits = sure_of("good")["logits"][0, : len(WORDS)]
    shares = np.sort(np.exp(logits) / np.exp(logits).sum())[::-1][:5]
    np.testing.assert_allclose(
        [each["probability"] for each in offered], shares, rtol=0, atol=1e-6
    )
    assert list(dataclasses.asdict(answer("[MASK]", "it"))) == [
        "text",
        "fills",
        "filled",
    ]


def test_a_terminal_shows_the_best_words_and_how_sure():
    words, shares = answer("[MASK] [MASK]", "good", "film").columns()
    assert words == "good film"
    assert [float(share) for share in shares.split()] == pytest.approx(
        [0.98] * 2, abs=0.01
    )


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "the film was good.",
            r"The text 'the film was good.' has no \[MASK\]. Write \[MASK\], in "
            "capitals, where a word is missing.",
        ),
        (
            "[MASK]" * 9,
            r"has 9 \[MASK\] in 11 tokens, but 8 are answered at most. Write some of",
        ),
    ],
)
def test_a_text_without_masks_or_with_too_many_is_explained(text, message):
    with pytest.raises(UserError, match=message):
        answer(text, "good")


def test_a_mask_in_two_windows_is_answered_by_the_one_with_more_around_it():
    text = "it was good , it was good , it was [MASK] . it was long , it was long"
    windows = windows_of(text, max_length=14, stride=6)
    at = [
        list(window.tokens).index(MASK) if MASK in window.tokens else None
        for window in windows
    ]
    assert at[:2] == [11, 5]
    outputs = [sure_of("bad"), sure_of("good"), *[sure_of()] * (len(windows) - 2)]
    given = TASK.answer(Example(text, None, None, ""), windows, outputs, WORDS)
    assert [offered[0]["word"] for offered in given.fills] == ["good"]
    assert given.filled == text.replace(MASK, "good")


# --- data


def read(text, **values):
    return TASK.read(("a.csv line 2", {"text": text, **values}), PrepareSettings())


def test_labels_of_other_tasks_are_not_looked_at():
    assert read("a film", label="pos").label is None
    assert read("a [MASK]", label="film  good").label == ["film", "good"]


def test_a_mask_without_its_word_is_explained():
    for values in ({}, {"label": 3}):
        with pytest.raises(
            UserError,
            match=r"a.csv line 2 has \[MASK\] in its text, but no words for it in "
            "column 'label'. Write them there, or write the text in full.",
        ):
            read("the [MASK]", **values)


def test_settings_that_make_no_sense_are_refused():
    TASK.check(PrepareSettings())
    with pytest.raises(UserError, match="--text-pair is b, but --task fill reads one"):
        TASK.check(PrepareSettings(text_pair="b"))
    with pytest.raises(UserError, match="--stem changes the text, but the answers of"):
        TASK.check(PrepareSettings(stem="english"))


# --- measures


def offered(*words):
    return [{"word": word, "probability": 0.5 - i / 10} for i, word in enumerate(words)]


def test_measures_are_over_masks_and_mistakes_are_the_surest():
    examples = [
        Example("", None, ["good", "film"], ""),
        Example("", None, ["好", "店"], ""),
    ]
    answers = [
        Answer("", [offered("good", "bad"), offered("film", "it")], ""),
        Answer("", [offered("差", "不", "好"), offered("酒", "家")], ""),
    ]
    assert TASK.measure(examples, answers, WORDS) == {
        "accuracy": 0.5,
        "mrr_at_5": pytest.approx((1 + 1 + 1 / 3 + 0) / 4),
        "accuracy_at_5": 0.75,
        "masks": 4,
        "examples": 2,
    }
    assert TASK.mistake(examples[0], answers[0]) is None
    wrong = TASK.mistake(examples[1], answers[1])
    assert wrong["probability"] == 0.5
    assert (wrong["label"], wrong["predicted"]) in {("好", "差"), ("店", "酒")}
