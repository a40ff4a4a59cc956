"""Measuring several workers: what is asked, in which order, and what is made of it."""

import json
import math
import os
import pathlib
import re
import time

import numpy as np
import pytest

from bench.contestant import ContestantFailed
from bench.ours import reduce_variants
from bench.scaling import measure, rounds
from bench.scaling.costs import read_costs
from bench.scaling.measured import measured
from bench.scaling.network import Network
from bench.scaling.players import (
    ONE,
    ONE_OF_TWICE,
    REDUCING,
    TWICE,
    bare,
    cast,
    compare_losses,
    whole,
)
from bench.scaling.ring_all_reduce import ring_all_reduce_seconds
from bench.scaling.rounds import Player, play_rounds
from bench.scaling.split_step import split_step
from bench.scaling.start_team import start_team
from bench.scaling.step_time import step_time
from bench.take_turns import Turn
from bert_cpu.training.cluster.cluster import Cluster

TESTS = str(pathlib.Path(__file__).parent)
CORES = sorted(os.sched_getaffinity(0))
SECONDS = {
    "step": 0.4,
    "bare": 0.1,
    "tiny": 0.001,
    "update": 0.05,
    "checkpoint": 2.0,
}
GIVEN = {"seconds": SECONDS, "batch": 8}
SIZES = {"table_bytes": 600, "slice_bytes": 100, "other_bytes": 400}

needs_two_cores = pytest.mark.skipif(
    len(CORES) < 2, reason="a worker needs a core of its own"
)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(rounds, "PAUSE_SECONDS", 0.0)


def team(directory, num_members, **given):
    return start_team(
        [CORES[:1]] * num_members, GIVEN | given, directory, "fake_worker", [TESTS]
    )


def test_a_team_is_asked_at_once_and_answers_as_one(tmp_path):
    with team(tmp_path, 2) as (two, start_seconds):
        assert start_seconds < 30
        answer = two.ask("run", 30, count=3, how={"work": "step"})
        # Each has half of the batch of 8.
        assert answer["amount"] == 24
        assert [len(extras["seconds"]) for extras in answer["extras"]] == [3, 3]
        assert [extras["seconds"][0] for extras in answer["extras"]] == pytest.approx(
            [0.4, 0.44]
        )
        assert (
            len(
                two.ask("check", 30, how={"variant": reduce_variants.TRAINING})[
                    "results"
                ]
            )
            == 2
        )


def test_one_that_dies_takes_the_others_with_it_at_once(tmp_path):
    message = r"worker 1 of 2 died when asked to run \(exit code 7\): out of luck"
    started = time.monotonic()
    with (
        pytest.raises(ContestantFailed, match=message),
        team(tmp_path, 2, dies_at=["step", 1]),
    ):
        pass
    assert time.monotonic() - started < 20


def test_players_take_turns_round_after_round(tmp_path):
    order = tmp_path / "order"
    with (
        team(tmp_path, 1, order=str(order)) as (one, _),
        team(tmp_path, 2, order=str(order)) as (two, _),
    ):
        players = {"a": Player(one, {}), "b": Player(two, {"work": "bare"})}
        order.write_text("")
        # So short that one run is a turn.
        turns = play_rounds(players, 3, 1e-6, 30)
    assert order.read_text().split() == ["one", "two"] * 4
    assert {name: len(each) for name, each in turns.items()} == {"a": 3, "b": 3}
    assert [turn.amount for turn in turns["a"]] == [8] * 3
    assert [turn.amount for turn in turns["b"]] == [2] * 3


def test_losses_are_compared_with_one_process(tmp_path):
    with team(tmp_path, 1) as (one, _), team(tmp_path, 2) as (two, _):
        losses = compare_losses(one, two)
    assert losses == dict.fromkeys(REDUCING, 0.0) | {"flat": 0.25}


def test_the_parts_of_a_step_add_up_to_it():
    parts = split_step(
        whole=[1.0, 1.2],
        without=[[0.6, 0.8], [0.7, 0.5], [0.6, 0.6]],
        bare=[0.5],
    )
    assert parts["compute"] == pytest.approx(3.8 / 6)
    assert parts["waiting"] == pytest.approx((0.7 + 0.8) / 2 - 3.8 / 6)
    assert parts["all_reduce"] == pytest.approx(1.1 - 0.75)
    assert parts["whole"] == pytest.approx(1.1)
    assert parts["bare"] == 0.5
    total = parts["compute"] + parts["waiting"] + parts["all_reduce"]
    assert total == pytest.approx(parts["whole"])


def turn(workers, amount=8.0, idle_share=0.0, **extras):
    """One turn, of the seconds that each worker needed for each time."""
    return Turn(
        amount,
        max(map(sum, workers)),
        {
            "count": len(workers[0]),
            "workers": [{"seconds": seconds} | SIZES | extras for seconds in workers],
        },
        idle_share,
    )


def played(num_workers=2):
    steps = {
        whole(variant): [turn([[0.5]] * num_workers), turn([[0.4]] * num_workers)]
        for variant in (*REDUCING, reduce_variants.NONE)
    }
    reductions = {bare(variant): [turn([[0.1]] * num_workers)] for variant in REDUCING}
    return {
        ONE: [turn([[0.36]]), turn([[0.44]])],
        **steps,
        **reductions,
        ONE_OF_TWICE: [turn([[0.8]], 16.0), turn([[0.7]], 16.0)],
        whole(TWICE): [
            turn([[0.9]] * num_workers, 16.0),
            turn([[0.7]] * num_workers, 16.0),
        ],
        "tiny": [turn([[0.002]] * num_workers)],
        "update": [turn([[0.05]])],
        "checkpoint": [turn([[2.0]], restore=[0.5])],
    }


LOSSES = dict.fromkeys(REDUCING, 1e-7)


def test_ratios_are_of_the_same_round():
    rows = measured(played(), LOSSES, 8, 2, 30.0)["rows"]
    assert [row["name"] for row in rows][:2] == [ONE, "2 workers, as in training"]
    assert rows[0]["ratio"] is None
    assert rows[0]["examples_per_second"] == pytest.approx((8 / 0.36 + 8 / 0.44) / 2)
    assert rows[1]["ratio_least"] == pytest.approx(0.36 / 0.5)
    assert rows[1]["ratio_largest"] == pytest.approx(0.44 / 0.4)
    assert rows[1]["ratio"] == pytest.approx((0.36 / 0.5 + 0.44 / 0.4) / 2)
    assert rows[1]["step_seconds"] == pytest.approx(0.45)
    assert rows[1]["difference"] == 1e-7


def test_twice_the_batch_is_compared_with_twice_the_batch():
    *_, one, many = measured(played(), LOSSES, 8, 2, 30.0)["rows"]
    assert (one["name"], one["ratio"]) == ("one process, twice the batch", None)
    assert many["name"] == "2 workers, twice the batch"
    assert many["examples_per_second"] == pytest.approx((16 / 0.9 + 16 / 0.7) / 2)
    assert (many["ratio_least"], many["ratio_largest"]) == (
        pytest.approx(0.8 / 0.9),
        pytest.approx(1.0),
    )


def test_a_row_says_that_those_who_waited_were_busy():
    turns = played()
    turns[ONE] = [turn([[0.4]], idle_share=0.2), turn([[0.4]])]
    rows = measured(turns, LOSSES, 8, 2, 30.0)["rows"]
    assert rows[0]["note"] == "those that waited used 20% of a core"
    assert rows[1]["note"] == ""


@pytest.mark.parametrize("num_workers", [2, 4])
def test_the_model_gives_back_what_its_costs_were_measured_from(num_workers):
    results = measured(played(num_workers), LOSSES, 8, num_workers, 30.0)
    costs = read_costs(json.loads(json.dumps(results)))
    # Without a network between them, workers need what the loopback took.
    here = Network(math.inf, 0.0)
    assert ring_all_reduce_seconds(costs, here, num_workers) == pytest.approx(0.1)
    assert step_time(costs, here, 1).total == pytest.approx(0.4)
    assert costs.update_seconds == 0.05
    assert costs.deviation_seconds == pytest.approx(np.std([0.36, 0.44], ddof=1))
    assert costs.checkpoint_seconds == 2.0
    assert costs.restart_seconds == 30.5


@needs_two_cores
def test_all_of_it_writes_what_the_page_reads(tmp_path, monkeypatch, capsys):
    def start_fakes(shares, given, directory):
        given = given | {"seconds": SECONDS}
        return start_team(shares, given, directory, "fake_worker", [TESTS])

    monkeypatch.setattr(measure, "start_team", start_fakes)
    output = tmp_path / "scale.json"
    words = ["--rounds", "2", "--turn-seconds", "0.005", "--batch", "8"]
    words += ["--output", str(output), "--work", str(tmp_path)]
    assert measure.main(words) == 0
    results = json.loads(output.read_text())
    assert results["settings"]["batch"] == 8
    assert {row["name"] for row in results["rows"]} == {
        *(ONE, ONE_OF_TWICE),
        *(f"2 workers, {variant}" for variant in (*REDUCING, TWICE)),
    }
    assert [each["name"] for each in results["split"]] == list(REDUCING)
    assert read_costs(results).other_bytes == 400
    assert "2 workers, as in training: " in capsys.readouterr().out


@needs_two_cores
def test_a_worker_that_fails_ends_the_measuring_with_its_name(
    tmp_path, monkeypatch, capsys
):
    def start_fakes(shares, given, directory):
        given = given | {"seconds": SECONDS, "dies_at": ["step", 1]}
        return start_team(shares, given, directory, "fake_worker", [TESTS])

    monkeypatch.setattr(measure, "start_team", start_fakes)
    output = tmp_path / "scale.json"
    words = ["--output", str(output), "--work", str(tmp_path)]
    assert measure.main(words) == 1
    assert "worker 1 of 2 died when asked to run" in capsys.readouterr().out
    assert not output.exists()


@needs_two_cores
@pytest.mark.parametrize(
    "words, message",
    [
        (["--workers", "1"], r"--workers is 1, but must be 2 to \d+"),
        (["--workers", "99999"], r"--workers is 99999, but must be 2 to \d+"),
        (["--rounds", "0"], "--rounds is 0, but must be 1 or more"),
        (["--batch", "7"], "--batch is 7, which 2 workers can't share evenly"),
        (["--hidden-size", "40"], "--hidden-size is 40, but must be a multiple of 32"),
    ],
)
def test_what_can_not_be_measured_is_said(words, message, capsys):
    with pytest.raises(SystemExit) as leaving:
        measure.main(words)
    assert leaving.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_every_variant_of_a_step_and_its_all_reduce_is_played():
    one, many = object(), object()
    players = cast(one, many)
    assert set(players) == set(played())
    assert {name for name, player in players.items() if player.team is one} == {
        *(ONE, ONE_OF_TWICE),
        "update",
        "checkpoint",
    }
    # The model of many machines begins with what messages cost.
    assert players["tiny"].how == {"work": "tiny", "variant": "over the network"}


@pytest.mark.parametrize(
    "variant, expected",
    [
        (reduce_variants.NETWORK, {"most_tokens": 9, "dtype": "bfloat16"}),
        (reduce_variants.FLOAT32, {"most_tokens": 9, "dtype": "float32"}),
        (reduce_variants.WHOLE_TABLE, {"most_tokens": None, "dtype": "float32"}),
        (
            reduce_variants.FLAT,
            {"most_tokens": None, "dtype": "float32", "bytes_per_pack": 0},
        ),
        (
            reduce_variants.PER_VARIABLE,
            {"most_tokens": None, "dtype": "float32", "bytes_per_pack": 1},
        ),
    ],
)
def test_a_variant_is_training_s_own_sum_with_other_choices(
    variant, expected, monkeypatch
):
    from bert_cpu.training import sum_gradients

    given = []
    monkeypatch.setattr(
        sum_gradients,
        "make_gradient_sum",
        lambda *all, **named: given.append((all, named)),
    )
    cluster = Cluster(("here:1", "here:2"))
    reduce_variants.variant_sum(
        variant, None, cluster, [], most_tokens=9, dtype="bfloat16"
    )
    assert given == [(([], 2), expected)]


def test_training_chooses_as_it_does(monkeypatch):
    from bert_cpu.training import choose_sum

    given = []
    monkeypatch.setattr(
        choose_sum,
        "choose_gradient_sum",
        lambda *all, **named: given.append((all, named)) or ("sum", "memory"),
    )
    cluster = Cluster(("here:1", "here:2"))
    chosen = reduce_variants.variant_sum(
        reduce_variants.TRAINING,
        "strategy",
        cluster,
        [],
        most_tokens=9,
        dtype="float32",
    )
    assert chosen == "sum"
    named = {"most_tokens": 9, "dtype": "float32"}
    assert given == [(("strategy", cluster, []), named)]


def test_without_all_reduce_each_keeps_its_own():
    import tensorflow as tf

    keep = reduce_variants.variant_sum(reduce_variants.NONE, None, Cluster(), [])
    gradients, numbers = keep(None, [tf.constant([1.0])], [2.0])
    assert (float(gradients[0][0]), numbers) == (1.0, [2.0])


@pytest.mark.slow
@needs_two_cores
def test_real_workers_agree_with_one_process_in_every_variant(tmp_path):
    output = tmp_path / "scale.json"
    words = ["--rounds", "2", "--turn-seconds", "0.1", "--batch", "8", "--length"]
    words += ["16", "--layers", "1", "--hidden-size", "32", "--dtype", "float32"]
    words += ["--output", str(output), "--work", str(tmp_path)]
    assert measure.main(words) == 0
    results = json.loads(output.read_text())
    # Those with twice the batch do what training does.
    rows = [row for row in results["rows"] if TWICE not in row["name"]]
    assert max(row["difference"] for row in rows[1:]) < 1e-5  # Sums in another order.
    # The model's worker has all of the batch: 8 texts of 16 tokens, 32 numbers each.
    assert read_costs(results).slice_bytes == 8 * 16 * 32 * 4
    for each in results["split"]:
        assert each["whole"] > each["compute"] > 0
