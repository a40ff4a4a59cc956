"""The formulae of scaling against events that are played, and against longhand."""

import dataclasses

import numpy as np
import pytest
from scaling_costs import COSTS

from bench.scaling.checkpoint_interval import share_of_work, young_daly_seconds
from bench.scaling.costs import Costs, read_costs
from bench.scaling.network import NETWORKS, Network
from bench.scaling.ring_all_reduce import ring_all_reduce_seconds
from bench.scaling.simulate_failures import simulate_failures
from bench.scaling.simulate_steps import simulate_steps
from bench.scaling.step_time import efficiency, step_time
from bench.scaling.stragglers import draw_compute_seconds, expected_slowest_seconds
from bert_cpu.training.cluster.pack_bytes import pack_bytes

DAY = 86_400.0
EVEN = dataclasses.replace(COSTS, deviation_seconds=0.0)


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("network", NETWORKS)
def test_one_worker_is_what_was_measured(network):
    measured = COSTS.compute_seconds + COSTS.update_seconds
    assert step_time(COSTS, network, 1).total == pytest.approx(measured, rel=1e-12)
    assert efficiency(COSTS, network, 1) == 1
    played = simulate_steps(COSTS, network, 1, 20_000, rng()).mean()
    # The mean of 20,000 times that are 4 % apart is right to 0.03 %.
    assert played == pytest.approx(measured, rel=1e-3)


@pytest.mark.parametrize("num_workers", [2, 3, 8])
def test_a_ring_that_sends_real_numbers_sends_as_much_and_sums_them(num_workers):
    """Longhand: pieces of lists, which are counted as they go from hand to hand."""
    pieces = rng().normal(size=(num_workers, num_workers, 5))
    expected = pieces.sum(axis=0)
    sent = np.zeros(num_workers)
    messages = 0
    held = pieces.copy()
    for phase in range(2):
        for step in range(num_workers - 1):
            messages += 1
            moved = held.copy()
            for worker in range(num_workers):
                piece = (worker + phase - step) % num_workers
                to = (worker + 1) % num_workers
                sent[worker] += pieces[worker, piece].nbytes
                if phase == 0:
                    moved[to, piece] = held[to, piece] + held[worker, piece]
                else:
                    moved[to, piece] = held[worker, piece]
            held = moved
    for worker in range(num_workers):
        np.testing.assert_allclose(held[worker], expected)
    costs = dataclasses.replace(
        COSTS, table_bytes=0.0, slice_bytes=0.0, other_bytes=pieces[0].nbytes
    )
    network = Network(10)
    per_byte = 8 / 10e9 + costs.copy_seconds_per_byte
    latency = network.latency_seconds + costs.message_seconds
    assert ring_all_reduce_seconds(costs, network, num_workers) == pytest.approx(
        messages * latency + sent[0] * per_byte
    )
    assert len(set(sent)) == 1


def test_each_pack_is_announced_to_each_neighbour():
    network = Network(10)
    costs = dataclasses.replace(COSTS, other_bytes=10 << 20)
    one = dataclasses.replace(COSTS, other_bytes=1 << 20)
    latency = network.latency_seconds + costs.message_seconds
    per_byte = 8 / 10e9 + costs.copy_seconds_per_byte
    # 10 MB are three packs of 4 MB, in two halves each.
    more = ring_all_reduce_seconds(costs, network, 2) - ring_all_reduce_seconds(
        one, network, 2
    )
    assert more == pytest.approx(2 * 2 * latency + (9 << 20) * per_byte)


def test_rows_that_are_gathered_go_round_once():
    network = Network(10)
    latency = network.latency_seconds + COSTS.message_seconds
    per_byte = 8 / 10e9 + COSTS.copy_seconds_per_byte
    without = dataclasses.replace(COSTS, table_bytes=0.0, slice_bytes=0.0)
    for num_workers, expected in (
        # Rows and their numbers from each other worker; then the whole table is less.
        (16, 15 * (2 * latency + 3e6 * per_byte)),
        (32, 2 * 31 * (latency * 1 + 47e6 / 32 * per_byte)),
    ):
        more = ring_all_reduce_seconds(COSTS, network, num_workers)
        more -= ring_all_reduce_seconds(without, network, num_workers)
        assert more == pytest.approx(expected)


def test_packs_grow_with_the_workers_so_that_a_piece_stays_worth_a_message():
    assert [pack_bytes(workers) for workers in (1, 2, 4)] == [4 << 20] * 3
    assert pack_bytes(1024) == 1 << 30


def test_no_worker_of_a_ring_could_do_with_less_than_twice_its_gradients():
    free = dataclasses.replace(COSTS, message_seconds=0.0, copy_seconds_per_byte=0.0)
    seconds = ring_all_reduce_seconds(free, Network(10, 0.0), 1024)
    assert seconds == pytest.approx(2 * 91e6 * 8 / 10e9, rel=1e-3)


@pytest.mark.parametrize("num_workers", [2, 16, 256])
@pytest.mark.parametrize("network", NETWORKS)
def test_without_stragglers_events_take_what_the_formula_says(network, num_workers):
    played = simulate_steps(EVEN, network, num_workers, 3, rng())
    expected = step_time(EVEN, network, num_workers).total
    np.testing.assert_allclose(played, expected, rtol=1e-9)


@pytest.mark.parametrize("num_workers", [2, 16, 64])
def test_with_stragglers_they_do_so_on_average(num_workers):
    num_steps = 600
    played = simulate_steps(COSTS, Network(25), num_workers, num_steps, rng())
    expected = step_time(COSTS, Network(25), num_workers)
    assert expected.waiting > 0.005
    # The largest of exponential times has a deviation below 1.3 of theirs. Four of
    # the mean's, so that chance doesn't decide; the seed is fixed anyway.
    error = 4 * 1.3 * COSTS.deviation_seconds / num_steps**0.5
    assert played.mean() == pytest.approx(expected.total, abs=error)
    assert error < expected.waiting


def test_the_slowest_of_many_is_as_numpy_draws_it():
    drawn = draw_compute_seconds(COSTS, (20_000, 50), rng())
    assert drawn.mean() == pytest.approx(COSTS.compute_seconds, rel=1e-3)
    assert drawn.std() == pytest.approx(COSTS.deviation_seconds, rel=1e-2)
    slowest = drawn.max(axis=1).mean()
    assert expected_slowest_seconds(COSTS, 50) == pytest.approx(slowest, rel=2e-3)


def test_faster_networks_and_overlap_help_and_more_workers_do_not():
    by_network = [efficiency(COSTS, network, 64) for network in NETWORKS]
    assert by_network == sorted(by_network)
    by_count = [efficiency(COSTS, NETWORKS[0], 2**power) for power in range(11)]
    assert by_count == sorted(by_count, reverse=True)
    step = step_time(COSTS, NETWORKS[2], 4)
    overlapped = step_time(COSTS, NETWORKS[2], 4, overlap=2 / 3)
    assert 0 < step.all_reduce < 2 / 3 * COSTS.compute_seconds
    assert overlapped.all_reduce == 0
    assert step.total - overlapped.total == pytest.approx(step.all_reduce)


@pytest.mark.parametrize(
    "num_workers, days, factor",
    [(1, 1, 1.0), (32, 30, 1.0), (1024, 30, 1.0), (1024, 30, 4.0), (1024, 365, 0.3)],
)
def test_a_run_that_is_killed_again_and_again_takes_what_daly_says(
    num_workers, days, factor
):
    interval = factor * young_daly_seconds(COSTS, days * DAY, num_workers)
    expected = share_of_work(COSTS, days * DAY, num_workers, interval)
    # 4,000 failures or so: the time that they cost is right to 1.6 % of it.
    work = np.ceil(4000 * days * DAY / num_workers / interval) * interval
    seconds = simulate_failures(COSTS, days * DAY, num_workers, interval, work, rng())
    lost = 1 - expected
    assert work / seconds == pytest.approx(expected, abs=0.06 * lost)


def test_the_best_interval_that_is_played_is_young_and_dalys():
    """Few failures cost the same at half and twice the interval, so many are played."""
    num_workers, mtbf = 1024, 30 * DAY
    rule = young_daly_seconds(COSTS, mtbf, num_workers)
    assert rule == pytest.approx((2 * 2.0 * 30 * 86_400 / 1024) ** 0.5)
    factors = np.array([0.25, 0.4, 0.6, 0.8, 1.0, 1.25, 1.7, 2.5, 4.0])
    work = 2000 * rule * 40
    seconds = [
        simulate_failures(COSTS, mtbf, num_workers, factor * rule, work, rng())
        for factor in factors
    ]
    # Near its minimum the curve is flat: a parabola through the logarithms finds it.
    curve = np.polyfit(np.log(factors), seconds, 2)
    best = float(np.exp(-curve[1] / (2 * curve[0])))
    assert curve[0] > 0
    assert 0.7 < best < 1.4
    assert min(seconds[0], seconds[-1]) > 1.005 * seconds[4]


def test_failures_that_come_before_any_checkpoint_are_not_played_for_ever():
    assert share_of_work(COSTS, 1.0, 1024, 3600.0) == 0
    with pytest.raises(ValueError, match="comes before a checkpoint does"):
        simulate_failures(COSTS, 10.0, 8, 60.0, 60.0, rng())


def test_two_plays_with_one_seed_are_the_same():
    first, second = (
        simulate_steps(COSTS, NETWORKS[1], 8, 5, np.random.default_rng(3))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_costs_are_read_from_what_was_measured():
    assert read_costs({"costs": dataclasses.asdict(COSTS)}) == COSTS


@pytest.mark.parametrize(
    "change, message",
    [
        ({"compute_seconds": 0.0}, "`compute_seconds` is 0.0, but must be more than 0"),
        ({"update_seconds": -1.0}, "`update_seconds` is -1.0, but must be 0 or more"),
        ({"examples": float("nan")}, "`examples` is nan"),
        ({"deviation_seconds": 0.6}, "0.6, more than the 0.5 .* does nothing else"),
        ({"speed": 1.0}, "not the fields that they should: speed. Measure again"),
    ],
)
def test_costs_that_can_not_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        read_costs({"costs": dataclasses.asdict(COSTS) | change})


def test_results_without_costs_are_refused():
    with pytest.raises(ValueError, match="no `costs`. Measure with `make bench-scale`"):
        read_costs({})
    names = [field.name for field in dataclasses.fields(Costs)]
    short = dict.fromkeys(names[1:], 1.0)
    with pytest.raises(ValueError, match="examples"):
        read_costs({"costs": short})
