"""A race asks in turn, compares first, and turns failures into rows."""

import dataclasses

import numpy as np
import pytest
from fake_workplace import fake_workplace
from tuned_machine import TUNED

from bench.agreement import agreement
from bench.case import Case, ratio_of, value_of
from bench.contestants import Entry
from bench.make_row import make_rows
from bench.ours.chosen_dtype import chosen_dtype
from bench.ours.fine_tuning import FineTuning
from bench.race import race
from bench.read_tuned import read_tuned
from bench.share_of_limit import share_of_limit
from bench.take_turns import Turn
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.machine import describe_machine
from bert_cpu.hardware.profile import choose_profile

LIMITS = {"float32": {"value": 100.0}, "memory": {"value": 10.0}}


def fake(**options):
    return Entry("fake_contestant", "ours", "float32", options)


def race_fakes(tmp_path, entries, rounds=2, **fields):
    workplace = fake_workplace(tmp_path, entries)
    peers = tuple(name for name in entries if name != "us")
    fields = {"turn_seconds": 0.001, "deadline_seconds": 30.0} | fields
    case = Case("job", "case", "ms", "us", peers, {}, **fields)
    return race(case, workplace, rounds, LIMITS)


def test_turns_are_taken_one_after_the_other(tmp_path):
    order = tmp_path / "order"
    entries = {
        name: fake(
            order=str(order), letter=letter, seconds=0.01, results={"losses": [1]}
        )
        for name, letter in (("us", "A"), ("them", "B"))
    }
    rows = race_fakes(tmp_path, entries, rounds=3)
    assert order.read_text() == "A" + "B" + "ABABAB"  # A warm-up of each first.
    assert rows[0]["rounds"] == 3
    assert rows[0]["counts"]
    assert rows[0]["idle_share"] < 0.5


def test_another_result_makes_the_ratio_not_count(tmp_path):
    entries = {
        "us": fake(results={"logits": [1.0, 2.0]}),
        "them": fake(results={"logits": [1.0, 2.5]}),
    }
    (row,) = race_fakes(tmp_path, entries, rounds=1)
    assert row["ratio"] is None
    assert row["uncounted_ratio"] > 0
    assert row["differences"] == {"logits": 0.5}
    assert row["note"].startswith("logits differ by 0.5, over 0.002")


def test_a_peer_that_dies_is_a_row_and_the_next_one_runs(tmp_path):
    same = {"results": {"losses": [1]}}
    entries = {
        "us": fake(**same),
        "weak": fake(dies_in_run=2, seconds=0.01, **same),
        "slow": fake(seconds=60, **same),
        "them": fake(**same),
    }
    weak, slow, them = race_fakes(tmp_path, entries, deadline_seconds=2.0)
    assert weak["note"].startswith("weak died when asked to run (exit code 7)")
    assert slow["note"] == "slow did not run within 2 s"
    assert (weak["theirs"], slow["ratio"]) == (None, None)
    assert them["counts"]


def test_if_ours_fails_every_peer_has_a_row_that_says_so(tmp_path):
    entries = {"us": fake(raises=True), "one": fake(), "two": fake()}
    rows = race_fakes(tmp_path, entries)
    assert [row["peer"] for row in rows] == ["one", "two"]
    assert all(row["note"] == "us can't run: ValueError: a bad day" for row in rows)


def test_medians_and_ratios_are_those_of_numpy():
    ours, theirs = np.array([2.0, 3.0, 10.0]), np.array([4.0, 9.0, 5.0])
    pairs = [
        (
            Turn(1, a, {"peak_memory_mb": 10.0}, 0.0),
            Turn(1, b, {"peak_memory_mb": 30.0}, 0.1),
        )
        for a, b in zip(ours, theirs, strict=True)
    ]
    case = Case("job", "case", "s", "us", ("them",), {}, goal=2.0, work=(1e11, 1.0))
    row, memory = make_rows(case, "them", pairs, {}, "", "float32", LIMITS, None)
    assert row["ours"] == np.median(ours)
    assert row["theirs"] == np.median(theirs)
    assert row["ratio"] == np.median(theirs / ours)
    assert row["ours_spread"] == [2.0, 10.0]
    assert (memory["case"], memory["unit"], memory["ratio"]) == (
        "case: memory",
        "MB",
        3,
    )
    assert memory["goal"] is None
    assert row["note"] == "the one that waited used 10%"
    assert row["share_of_limit"] == pytest.approx(1 / 3)  # A second of 100 GFLOP/s.
    keys = {"job", "case", "peer", "ours", "theirs", "unit", "ratio"}
    assert keys <= set(row)


@pytest.mark.parametrize(
    "unit, ours, ratio",
    [
        ("tokens/s", 20.0, 2.0),
        ("ms", 50.0, 0.2),
        ("MB", 5.0, 2.0),
        ("accuracy", 5.0, 0.5),
    ],
)
def test_a_ratio_above_one_is_to_our_advantage(unit, ours, ratio):
    assert ratio_of(unit, ours, 10.0) == ratio


def test_a_turn_is_told_in_its_unit():
    assert value_of("texts/s", 10, 2.0) == 5.0
    assert value_of("ms", 10, 2.0) == 200.0


def test_the_nearer_of_two_limits_counts():
    case = Case("job", "case", "ms", "us", (), {}, work=(1e8, 1e8))
    assert share_of_limit(case, 20.0, "float32", LIMITS, None) == (
        pytest.approx(0.5),
        "memory bandwidth",
    )
    assert share_of_limit(case, 20.0, "float32", {}, None) == (None, None)


@pytest.mark.parametrize(
    "ours, theirs, precisions, fault",
    [
        ({"losses": [1.0]}, {"losses": [1.1]}, ("float32", "bfloat16"), ""),
        (
            {"losses": [1.0]},
            {"losses": [float("nan")]},
            ("float32",) * 2,
            "losses differ",
        ),
        ({"logits": [1.0]}, {"logits": [[1.0]]}, ("float32",) * 2, "logits of shapes"),
        ({"accuracy": 0.900}, {"accuracy": 0.904}, ("int8",) * 2, ""),
        (
            {"accuracy": 0.900},
            {"accuracy": 0.910},
            ("int8",) * 2,
            "our accuracy is 0.0100",
        ),
        ({"accuracy": 0.9}, {"accuracy": 0.5}, ("int8",) * 2, ""),
        ({"answers": ["a"]}, {"answers": ["b"]}, ("int8",) * 2, "answers"),
        ({}, {}, ("float32",) * 2, "nothing was compared"),
    ],
)
def test_only_the_same_work_agrees(ours, theirs, precisions, fault):
    found = agreement(ours, theirs, precisions, 0.005)[1]
    assert found.startswith(fault) if fault else found == ""


@pytest.fixture
def tuned(tmp_path, monkeypatch):
    """A profile of this machine, with another dtype than the default's."""
    hardware = read_hardware()
    usual = choose_profile(hardware).dtype
    dtype = "float32" if usual == "bfloat16" else "bfloat16"
    training = dataclasses.replace(TUNED.training, dtype=dtype, threads=1)
    machine = describe_machine(hardware)
    profile = dataclasses.replace(
        TUNED, machine=machine, training=training, answering=None
    )
    profile.save(tmp_path / "tuned.json")
    monkeypatch.setenv("BERT_CPU_CACHE", str(tmp_path))
    return profile


def test_ours_computes_in_what_the_project_chooses_here(tmp_path, monkeypatch):
    monkeypatch.setenv("BERT_CPU_CACHE", str(tmp_path))
    expected = choose_profile(read_hardware(), "auto").dtype
    assert FineTuning({}).check() == {"precision": expected}
    assert chosen_dtype("float32") == "float32"
    assert read_tuned() is None


def test_ours_computes_in_what_was_measured_here(tuned):
    assert FineTuning({}).check() == {"precision": tuned.training.dtype}
    assert read_tuned() == {
        "measured_at": tuned.measured_at,
        "training": dataclasses.asdict(tuned.training),
        "answering": None,
    }
