"""How a converted model answers fastest: threads, interpreters, files, lengths."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bert_cpu.calibration.choose_way import LEAST_ROUNDS, Choice, choose_way
from bert_cpu.calibration.halvings import halvings
from bert_cpu.calibration.measurement import measurement_rows
from bert_cpu.calibration.take_turns import Try, take_turns
from bert_cpu.counted import counted
from bert_cpu.hardware.answering import choose_answering
from bert_cpu.hardware.cpu import Hardware
from bert_cpu.hardware.tuned_profile import TunedAnswering
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.runtime.interpreter_pool import InterpreterPool

# Texts that one try of many answers has, for each core; their lengths are spread
# evenly over the buckets.
_TEXTS_A_CORE = 8
# Of the time that is left each time: one text, many texts, the lengths of signatures.
_SHARES = (0.4, 0.65, 0.9)


@dataclasses.dataclass(frozen=True)
class MeasuredAnswering:
    """What came out; `answering` is None if too little could be measured."""

    answering: TunedAnswering | None
    findings: list[str]
    rows: list[dict[str, Any]]


def measure_answering(
    hardware: Hardware,
    files: Mapping[str, Path],
    buckets: Sequence[int],
    middle_file: Path,
    middle_buckets: Sequence[int],
    deadline: float,
) -> MeasuredAnswering:
    """Answers sequences of zeros in turn.

    Args:
        hardware: from `read_hardware`.
        files: "float32" and "int8" -> a converted encoder.
        buckets: the lengths of their signatures.
        middle_file, middle_buckets: that in int8, with signatures at the middles.
        deadline: `time.monotonic()` at which it ends.
    """
    default = choose_answering(hardware)
    rows: list[dict[str, Any]] = []

    ways = {
        _one_name(variant, threads): _one_way(files[variant], buckets, threads)
        for threads in halvings(hardware.cores)
        for variant in files
    }
    tries = take_turns(ways, _SHARES[0] * (deadline - time.monotonic()))
    rows += measurement_rows(
        f"one text of {', '.join(map(str, buckets))} tokens each", tries
    )
    # int8 is what a conversion chooses where it is as right: the default to beat.
    int8, float32 = (_one_name(each, default.threads) for each in ("int8", "float32"))
    by_variant = choose_way(int8, {each: tries[each] for each in (int8, float32)})
    variant = "float32" if by_variant.name == float32 else "int8"
    of_variant = {
        _one_name(variant, threads): tries[_one_name(variant, threads)]
        for threads in halvings(hardware.cores)
    }
    one = choose_way(_one_name(variant, default.threads), of_variant)

    lengths = _mixed_lengths(buckets, _TEXTS_A_CORE * hardware.cores)
    pools = _pool_sizes(hardware, files[variant], buckets)
    usual = _many_name(default.instances, default.threads_each)
    many_ways, opened = {}, []
    try:
        for instances, threads in pools:
            pool = InterpreterPool(files[variant], buckets, instances, threads)
            opened.append(pool)
            many_ways[_many_name(instances, threads)] = _many_way(pool, lengths)
        tries = (
            take_turns(many_ways, _SHARES[1] * (deadline - time.monotonic()))
            if usual in many_ways
            else {}
        )
    finally:
        for pool in opened:
            pool.close()
    rows += measurement_rows(f"{len(lengths)} texts of mixed lengths", tries)
    many = choose_way(usual, tries or {usual: []})

    lengths_ways = {
        "powers of two": _opening_way(files["int8"], buckets, one, middle_buckets),
        "middles too": _opening_way(middle_file, middle_buckets, one, middle_buckets),
    }
    tries = {}
    if variant == "int8":
        tries = take_turns(lengths_ways, _SHARES[2] * (deadline - time.monotonic()))
    rows += measurement_rows("opening, and a text of each length", tries)
    middles = choose_way("middles too", tries or {"middles too": []})
    return _conclude(
        default, _Choices(variant, by_variant, float32, one, usual, many, middles), rows
    )


@dataclasses.dataclass(frozen=True)
class _Choices:
    variant: str
    by_variant: Choice
    float32: str
    one: Choice
    usual: str
    many: Choice
    middles: Choice


def _one_name(variant, threads):
    return f"{variant}, {counted(threads, 'thread')}"


def _many_name(instances, threads):
    each = f"{counted(threads, 'thread')} each"
    return f"{counted(instances, 'interpreter')}, {each}"


def _pool_sizes(hardware, file, buckets):
    """(instances, threads of each), which together keep all cores at work."""
    default = choose_answering(hardware)
    sizes = [(default.instances, default.threads_each)]
    sizes += [
        (hardware.cores // threads, threads) for threads in halvings(hardware.cores)
    ]
    # All are open at once; see `fitting_instances`.
    left = hardware.memory_available // 2 // (file.stat().st_size * len(buckets))
    fitting = []
    for size in dict.fromkeys(sizes):
        if size[0] <= left:
            fitting.append(size)
            left -= size[0]
    return fitting


def _mixed_lengths(buckets: Sequence[int], count: int) -> list[int]:
    return [1 + (index * buckets[-1]) // count for index in range(count)]


def _one_way(path: Path, buckets: Sequence[int], threads: int) -> Callable[[], Try]:
    interpreter = BucketedInterpreter(path, buckets, threads)
    return lambda: tuple(_run_seconds(interpreter, length) for length in buckets)


def _many_way(pool: InterpreterPool, lengths: Sequence[int]) -> Callable[[], Try]:
    def work() -> Try:
        start = time.perf_counter()
        for future in pool.submit(_run_seconds, lengths, lengths):
            future.result()
        return (time.perf_counter() - start,)

    return work


def _opening_way(
    path: Path, buckets: Sequence[int], one: Choice, lengths: Sequence[int]
) -> Callable[[], Try]:
    threads = int(one.name.split(", ")[1].split()[0])

    def work() -> Try:
        start = time.perf_counter()
        interpreter = BucketedInterpreter(path, buckets, threads)
        opening = time.perf_counter() - start
        for length in lengths:  # Buffers are made in the first run.
            _run_seconds(interpreter, length)
        return (opening, *(_run_seconds(interpreter, length) for length in lengths))

    return work


def _run_seconds(interpreter: BucketedInterpreter, length: int) -> float:
    zeros = [0] * length
    start = time.perf_counter()
    interpreter.run_ids(zeros, zeros)
    return time.perf_counter() - start


def _conclude(default, choices, rows):
    findings = []
    one, many = choices.one, choices.many
    if one.rounds < LEAST_ROUNDS:
        findings.append(
            f"Answers keep their default: {one.rounds} rounds could be measured in the "
            f"time, and {LEAST_ROUNDS} are needed."
        )
        return MeasuredAnswering(None, findings, rows)
    refuses_int8 = choices.variant == "float32"
    speedup = 1 / choices.by_variant.speedups[choices.float32]
    findings.append(
        f"int8 is {'refused' if refuses_int8 else 'kept'}: its answers come "
        f"{speedup:.2f} times as fast as float32's here."
    )
    findings.append(
        f"One text: {one.name.split(', ')[1]}, {one.speedups[one.name]:.2f} times as "
        f"fast as the default ({counted(default.threads, 'thread')})."
    )
    instances, threads_each = default.instances, default.threads_each
    if many.rounds < LEAST_ROUNDS:
        findings.append(
            f"Many texts keep their default ({choices.usual}): too little "
            "time or memory to compare."
        )
    else:
        instances, threads_each = (
            int(part.split()[0]) for part in many.name.split(", ")
        )
        findings.append(
            f"Many texts: {many.name}, {many.speedups[many.name]:.2f} times as fast as "
            f"the default ({choices.usual})."
        )
    middles = choices.middles.name == "middles too"
    if not middles:
        verdict = "are left out: they make nothing faster, and opening slower"
    elif choices.middles.rounds < LEAST_ROUNDS:
        verdict = "stay: there was no time to compare, or int8 is refused"
    else:
        verdict = "stay: texts between are answered faster with them"
    findings.append(f"Lengths: signatures between the powers of two {verdict}.")
    threads = int(one.name.split(", ")[1].split()[0])
    return MeasuredAnswering(
        TunedAnswering(threads, instances, threads_each, refuses_int8, middles),
        findings,
        rows,
    )
