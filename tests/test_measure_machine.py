"""What the notebooks measure of a machine is what they say it is."""

import os
import threading
import time

import numpy as np
import pytest

from bench.count_flops import count_flops
from bert_cpu.hardware import memory_speed
from bert_cpu.hardware.best_seconds import best_seconds
from bert_cpu.hardware.encoder_shape import EncoderShape
from bert_cpu.hardware.energy import EnergyMeter
from bert_cpu.hardware.memory_speed import memory_bandwidth, memory_latency
from bert_cpu.hardware.only_cores import only_cores
from bert_cpu.hardware.operations import encoder_operations
from bert_cpu.report.roofline import draw_roofline

SHAPE = EncoderShape(1000, 48, 3, 4, 96, 64)


@pytest.fixture
def clock(monkeypatch):
    """A clock that only what is timed moves on: by these seconds, one after another."""

    def start(*seconds):
        now, rest = [0.0], iter(seconds)
        monkeypatch.setattr(time, "perf_counter", lambda: now[0])

        def run():
            now[0] += next(rest)

        return run

    return start


def test_the_shortest_time_counts_and_never_the_first(clock):
    assert best_seconds(clock(0.25, 5.0, 3.0, 4.0), 3, 100) == 3.0


def test_no_run_begins_when_the_time_is_up(clock):
    # A fifth call would find no seconds, and fail.
    assert best_seconds(clock(9.0, 2.0, 1.0, 1.5), 99, most_seconds=4.0) == 1.0
    assert best_seconds(clock(9.0, 7.0), 99, most_seconds=4.0) == 7.0


def test_bandwidth_counts_each_byte_that_is_read_and_written(monkeypatch):
    copied = []

    def two_seconds(run, num_tries):
        monkeypatch.setattr(np, "copyto", lambda to, source: copied.append(source))
        run()
        return 2.0

    monkeypatch.setattr(memory_speed, "best_seconds", two_seconds)
    assert memory_bandwidth(8000) == copied[0].nbytes == 8000


def test_memory_is_slower_to_reach_than_a_cache():
    # The first fits every processor's first cache, the second hardly any second one.
    assert memory_latency(1 << 14) < memory_latency(1 << 24)


def test_a_chain_leads_through_all_of_it(monkeypatch):
    seen = set()

    def follow(walk, num_tries):
        node = walk._node
        while node not in seen:
            seen.add(node)
            node = node.next
        return 1.0

    monkeypatch.setattr(memory_speed, "best_seconds", follow)
    memory_latency(48 * 500)
    # In a cycle of one node after the other, or it would be a shorter walk.
    assert len(seen) == 500


def test_a_walk_takes_the_steps_that_its_time_is_divided_by(monkeypatch):
    taken = []

    def walk_once(walk, num_tries):
        node, order = walk._node, []
        while node not in order:
            order.append(node)
            node = node.next
        walk()
        taken.append(order.index(walk._node))
        return 3.0

    monkeypatch.setattr(memory_speed, "best_seconds", walk_once)
    a_step = memory_latency(48 * 499)
    # 499 is prime: no other number of steps near it ends at the same node.
    assert taken == [round(3.0 / a_step) % 499]


@pytest.fixture
def counters(tmp_path):
    """Writes the counters of a processor with two packages, and a part of one."""

    def write(**microjoules):
        for name, value in microjoules.items():
            path = tmp_path / "sys/class/powercap" / name.replace("_", ":")
            path.mkdir(parents=True, exist_ok=True)
            (path / "energy_uj").write_text(f"{value}\n")
            (path / "max_energy_range_uj").write_text("1000000000\n")
        return tmp_path

    return write


def test_energy_is_that_of_all_packages_and_of_no_part(counters):
    names = "intel-rapl_0", "intel-rapl_1", "intel-rapl_0_0"
    meter = EnergyMeter(counters(**dict.fromkeys(names, 5_000_000)))
    assert meter.is_readable
    counters(**dict(zip(names, (7_000_000, 5_500_000, 6_900_000), strict=True)))
    assert meter.joules() == 2.5


def test_a_counter_that_began_again_goes_on(counters):
    meter = EnergyMeter(counters(**{"intel-rapl_0": 999_000_000}))
    counters(**{"intel-rapl_0": 2_000_000})
    assert meter.joules() == 3.0


def test_where_energy_can_not_be_read_there_is_none(tmp_path, counters):
    assert EnergyMeter(tmp_path).joules() is None
    meter = EnergyMeter(counters(**{"intel-rapl_0": "secret"}))
    assert not meter.is_readable
    assert meter.joules() is None


def test_all_threads_keep_to_fewer_cores_and_get_theirs_back():
    before = os.sched_getaffinity(0)
    asked, ended = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (asked.set(), ended.wait()))
    thread.start()
    asked.wait()
    try:
        with only_cores(1):
            for each in (0, thread.native_id):
                assert os.sched_getaffinity(each) == {min(before)}
        for each in (0, thread.native_id):
            assert os.sched_getaffinity(each) == before
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("num_cores", [0, 100_000])
def test_cores_that_are_not_there_are_refused(num_cores):
    with (
        pytest.raises(ValueError, match=f"`num_cores` is {num_cores}, but"),
        only_cores(num_cores),
    ):
        pass


@pytest.mark.parametrize("batch_size, length", [(1, 16), (8, 40)])
def test_products_are_those_that_the_benchmark_counts(batch_size, length):
    operations = encoder_operations(SHAPE, batch_size, length)
    sizes = {
        name: getattr(SHAPE, name)
        for name in ("hidden_size", "intermediate_size", "num_hidden_layers")
    }
    hidden, intermediate = SHAPE.hidden_size, SHAPE.intermediate_size
    # The benchmark's has the pooler and a head of two labels on top, and only the
    # first token's query in the last block.
    head = 2 * (hidden**2 + 2 * hidden)
    query = 2 * (2 * hidden**2 + 2 * hidden * intermediate + 2 * length * hidden)
    others = (length - 1) * query
    expected = batch_size * (count_flops(sizes, length) - head + others)
    assert sum(each.flops for each in operations if each.is_product) == expected


def test_bytes_are_those_of_the_arrays():
    batch_size, length = 2, 10
    x = np.zeros((batch_size * length, 48), "float32")
    kernel = np.zeros((48, 96), "float32")
    wide = x @ kernel
    by_name = {
        each.name: each.num_bytes for each in encoder_operations(SHAPE, 2, length)
    }
    assert by_name["widen"] == 3 * (x.nbytes + kernel.nbytes + wide.nbytes)
    assert by_name["GELU"] == 3 * 2 * wide.nbytes
    # Both halves of a block end with it: it reads two arrays and writes one.
    assert by_name["add and norm"] == 3 * 2 * 3 * x.nbytes
    scores = np.zeros((batch_size, 4, length, length), "float32")
    assert by_name["scores"] == 3 * (2 * x.nbytes + scores.nbytes)
    half = encoder_operations(SHAPE, 2, length, bytes_a_value=2)
    assert [each.num_bytes * 2 for each in half] == list(by_name.values())


def test_an_operation_lies_on_the_roof_that_limits_it():
    drawing = draw_roofline(
        {"float32": 1e11, "bfloat16": 4e11},
        1e10,
        [("GELU", 1.25), ("widen", 100.0)],
        [("a block", 50.0, 3e10)],
    )
    lines = {line.get_gid(): line for line in drawing.figure.axes[0].get_lines()}
    at = {
        name: tuple(map(float, *line.get_xydata()))
        if len(line.get_xydata()) == 1
        else line.get_xydata().tolist()
        for name, line in lines.items()
    }
    assert at["bound-GELU"] == (1.25, 1.25e10)  # Memory's.
    assert at["bound-widen"] == (100.0, 1e11)  # Arithmetic's.
    assert at["ran-a block"] == (50.0, 3e10)
    assert at["roof-bfloat16"][1] == [40.0, 4e11]


@pytest.mark.parametrize("rate", [1e6, 5e10])
def test_all_that_was_measured_is_within_the_picture(rate):
    drawing = draw_roofline({"float32": 1e11}, 1e10, [("GELU", 1.0)], [("x", 5, rate)])
    axes = drawing.figure.axes[0]
    low, high = axes.get_ylim()
    drawn = [y for line in axes.get_lines() for y in line.get_ydata()]
    assert low < min(drawn)
    assert max(drawn) < high


@pytest.mark.parametrize("peak, bandwidth, place", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_a_roof_of_nothing_is_refused(peak, bandwidth, place):
    with pytest.raises(ValueError, match="must be over 0"):
        draw_roofline({"float32": peak}, bandwidth, [("GELU", place)])
