"""Targets say what is behind each mask, in English and Chinese."""

import numpy as np
import tiny_words
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.example import Example
from bert_cpu.tasks.parts.hide_words import MOST_MASKS, hide_words
from bert_cpu.tasks.parts.masked_targets import masked_targets
from bert_cpu.text.special_tokens import MASK
from bert_cpu.text.windows import WindowReader

WORDS = tiny_words.WORDS
IDS = {word: index for index, word in enumerate(WORDS)}
TOKENIZER = tiny_words.tokenizer()


def encoded(text, max_length=40, label=None):
    """The windows of a text some words of which are hidden, and their targets."""
    posed = hide_words(Example(text, None, label, "a.csv line 2"), TOKENIZER)
    (reading,) = WindowReader(TOKENIZER, max_length, "text")([(posed.text, None)])
    return reading.windows, masked_targets(posed.label, reading.windows, IDS)


@given(
    st.sampled_from(["the unwatchable film was good ! ", "这家酒店很好。 🙂 "]),
    st.integers(1, 9),
)
def test_targets_put_back_are_the_text(text, times):
    text *= times
    windows, targets = encoded(text)
    tokens = []
    for window, target in zip(windows, targets, strict=True):
        ids = np.array(window.ids)
        positions = np.array(target["masked_positions"])
        masked = positions > 0
        assert len(positions) == len(target["masked_ids"]) == MOST_MASKS
        assert (ids[positions[masked]] == target["mask_id"]).all()
        assert (ids == IDS[MASK]).sum() == masked.sum()
        ids[positions[masked]] = np.array(target["masked_ids"])[masked]
        tokens += [WORDS[index] for index in ids[1:-1]]
    assert tokens == TOKENIZER.encode(text).tokens[1:-1]


def test_words_are_numbered_by_their_first_pieces():
    windows, targets = encoded("[MASK] lovely 猫 好", label=["film"])
    assert windows[0].tokens[1:-1] == [MASK, "love", "##ly", "[UNK]", "好"]
    assert targets[0]["words"] == [0, 1, 2, 2, 0, 3, 0]
    # The half of a word that a window begins with is none.
    windows, targets = encoded("[MASK] unwatchable", label=["film"], max_length=5)
    assert windows[1].tokens == ["[CLS]", "##able", "[SEP]"]
    assert targets[1]["words"] == [0, 0, 0]


def test_a_text_without_a_known_word_is_left_out():
    assert encoded("猫 🙂")[1] is None


def test_masks_of_a_long_text_are_targets_of_their_own_window():
    windows, targets = encoded("the film was good . " * 8, max_length=12)
    assert len(windows) == len(targets) > 3
    counts = [np.count_nonzero(target["masked_positions"]) for target in targets]
    assert sum(counts) == 6
    assert 0 in counts


def as_written(text):
    (reading,) = WindowReader(TOKENIZER, 40, "text")([(text, None)])
    return masked_targets(None, reading.windows, IDS)


def test_a_text_as_it_was_written_has_words_to_draw_from_and_no_masks():
    (target,) = as_written("the lovely 好")
    assert target["words"] == [0, 1, 2, 2, 3, 0]
    assert target["masked_positions"] == target["masked_ids"] == [0] * MOST_MASKS
    assert as_written("猫 🙂") is None


def test_a_word_of_too_many_pieces_to_hide_is_left_out():
    assert encoded("un" + "watch" * MOST_MASKS)[1] is None
