"""Compiling is chosen where each length is met often enough."""

import pytest

from bert_cpu.training.choose_compiled import choose_compiled


@pytest.mark.parametrize("choice, expected", [("on", True), ("off", False)])
def test_what_is_asked_for_is_done(choice, expected):
    assert choose_compiled(choice, 1, range(500)) is expected
    assert choose_compiled(choice, 10**9, [8]) is expected


def test_lengths_up_to_the_same_multiple_of_4_count_once():
    lengths = [9, 12, 13, 17, 20]
    assert choose_compiled("auto", 60, lengths)
    assert not choose_compiled("auto", 59, lengths)
    assert not choose_compiled("auto", 60, [*lengths, 21])
