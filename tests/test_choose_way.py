"""Ways take turns, and the default stays unless another is surely faster."""

import pytest

from bert_cpu.calibration.choose_way import LEAST_ROUNDS, choose_way
from bert_cpu.calibration.halvings import halvings
from bert_cpu.calibration.measurement import measurement_rows
from bert_cpu.calibration.take_turns import take_turns

DEFAULT = [(0.100,)] * 10


class FakeMachine:
    """A clock, and ways of working that move it on."""

    def __init__(self):
        self.now = 0.0
        self.order = []

    def way(self, name, seconds):
        def work():
            self.order.append(name)
            self.now += seconds
            return (seconds,)

        return work

    def turns(self, seconds, most_rounds=60, **ways):
        ways = {name: self.way(name, taken) for name, taken in ways.items()}
        return take_turns(ways, seconds, lambda: self.now, most_rounds)


def test_ways_take_turns_and_each_begins_a_round():
    machine = FakeMachine()
    machine.turns(100, most_rounds=3, a=1, b=1, c=1)
    rounds = [machine.order[i : i + 3] for i in range(0, 12, 3)]
    # The first is the warm-up.
    assert [first for first, *_ in rounds] == ["c", "a", "b", "c"]
    assert all(sorted(each) == ["a", "b", "c"] for each in rounds)


def test_the_warm_up_does_not_count_and_no_round_begins_too_late():
    machine = FakeMachine()
    tries = machine.turns(10, a=1.0, b=2.0)
    # 3 s a round; the warm-up ends at 3, rounds at 6, 9 and 12: the last is over 10.
    assert tries == {"a": [(1.0,)] * 3, "b": [(2.0,)] * 3}
    assert machine.now == 12


def test_no_time_is_no_rounds_and_the_default():
    tries = FakeMachine().turns(0, a=1.0, b=0.1)
    assert tries == {"a": [], "b": []}
    assert choose_way("a", tries).name == "a"


def test_what_is_surely_faster_is_taken():
    choice = choose_way("default", {"default": DEFAULT, "other": [(0.080,)] * 10})
    assert choice.name == "other"
    assert choice.speedups == {"default": 1.0, "other": pytest.approx(1.25)}
    assert choice.rounds == 10


def test_of_several_the_fastest_is_taken():
    ways = {"default": DEFAULT, "b": [(0.08,)] * 10, "c": [(0.05,)] * 10}
    assert choose_way("default", ways).name == "c"
    assert choose_way("default", ways | {"d": [(0.2,)] * 10}).name == "c"


@pytest.mark.parametrize(
    "why, other",
    [
        ("slower", [(0.2,)] * 10),
        ("the same", DEFAULT),
        ("faster by less than the margin", [(0.097,)] * 10),
        # 8 rounds of 10 at twice the speed, 2 slower: within the spread.
        ("not in nearly all rounds", [(0.05,)] * 8 + [(0.11,)] * 2),
        ("faster once, by far", [(0.001,)] + [(0.1,)] * 9),
    ],
)
def test_the_default_stays_where_another_is(why, other):
    assert choose_way("default", {"default": DEFAULT, "other": other}).name == "default"


def test_few_rounds_prove_nothing():
    few = LEAST_ROUNDS - 1
    tries = {"default": [(0.1,)] * few, "other": [(0.01,)] * few}
    assert choose_way("default", tries).name == "default"
    tries = {name: [*each, each[0]] for name, each in tries.items()}
    assert choose_way("default", tries).name == "other"


def test_a_way_that_is_slower_in_one_case_is_not_taken():
    """Much faster for short texts, a little slower for long ones."""
    tries = {"default": [(0.010, 0.100)] * 9, "other": [(0.002, 0.101)] * 9}
    assert choose_way("default", tries).name == "default"
    tries["other"] = [(0.002, 0.099)] * 9
    assert choose_way("default", tries).name == "other"


def test_a_busy_moment_that_slows_both_hides_nothing():
    """Rounds are compared, not medians of all: here each way's times vary fivefold."""
    busy = [1.0, 5.0, 1.0, 4.0, 1.0, 3.0, 1.0, 5.0, 2.0, 1.0]
    tries = {
        "default": [(0.1 * factor,) for factor in busy],
        "other": [(0.09 * factor,) for factor in busy],
    }
    assert choose_way("default", tries).name == "other"


@pytest.mark.parametrize(
    "cores, expected", [(1, [1]), (2, [2, 1]), (6, [6, 3, 1]), (8, [8, 4, 2, 1])]
)
def test_threads_are_halved_down_to_one(cores, expected):
    assert halvings(cores) == expected


def test_rows_have_the_median_and_quartiles_in_milliseconds():
    tries = {"a": [(0.001, 0.001), (0.003, 0.001), (0.005, 0.001)], "b": []}
    assert measurement_rows("work", tries) == [
        {
            "what": "work",
            "candidate": "a",
            "rounds": 3,
            "median": 4.0,
            "low": 2.0,
            "high": 6.0,
        }
    ]
    (row,) = measurement_rows("work", {"a": [(0.002,)]})
    assert (row["low"], row["median"], row["high"]) == (2.0, 2.0, 2.0)
