"""How a process trains fastest: in which number format, with how many threads."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from bert_cpu.calibration.choose_way import LEAST_ROUNDS, choose_way
from bert_cpu.calibration.measurement import measurement_rows
from bert_cpu.calibration.take_turns import Try, take_turns
from bert_cpu.calibration.tensorflow_process import (
    TensorFlowFailed,
    TensorFlowProcess,
)
from bert_cpu.counted import counted
from bert_cpu.hardware.cpu import Hardware
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.hardware.tuned_profile import TunedTraining

# A format whose products take so many times as long is emulated: a step in it could
# take all of the time, and is not tried.
_HOPELESS = 3.0
_PRODUCT_SIZE = 768
_FORMATS = ("float32", "bfloat16")
_PATIENCE_SECONDS = 3.0
# Of the time that is left, for what must be built before steps are taken.
_TO_PREPARE = 0.75


@dataclasses.dataclass(frozen=True)
class MeasuredTraining:
    """What came out; `training` is None if too little could be measured."""

    training: TunedTraining | None
    findings: list[str]
    rows: list[dict[str, Any]]


def measure_training(
    hardware: Hardware,
    processes: Sequence[TensorFlowProcess],
    shape: Mapping[str, int],
    batch: int,
    length: int,
    deadline: float,
) -> MeasuredTraining:
    """Takes training steps of a small encoder in turn.

    Args:
        hardware: from `read_hardware`.
        processes: one for each number of threads, the default's first.
        shape: the encoder's, fields of a `config.json`.
        batch, length: of the batch, in sequences and tokens.
        deadline: `time.monotonic()` at which it ends.
    """
    default = choose_profile(hardware)
    findings: list[str] = []
    ways: dict[str, Callable[[], Try]] = {}
    tries: dict[str, list[Try]] = {}
    taking_part = list(processes)
    # A way beside the default's may not use up the time to measure in.
    now = time.monotonic()
    until = now + _TO_PREPARE * (deadline - now)
    ratio = 0.0
    try:
        ratio = _product_ratio(processes[0], deadline)
        for dtype in _FORMATS if ratio <= _HOPELESS else _FORMATS[:1]:
            arguments = {"dtype": dtype, "shape": dict(shape), "batch": batch}
            for process in taking_part:
                # Side by side, as tracing keeps one core busy.
                process.begin("prepare_step", length=length, **arguments)
            for process in list(taking_part):
                try:
                    process.wait(deadline if process is processes[0] else until)
                except TensorFlowFailed:
                    if process is processes[0]:
                        raise
                    # It may be busy still, which would slow what is measured.
                    process.close()
                    taking_part.remove(process)
                    ways.pop(_name(_FORMATS[0], process.threads), None)
                    continue
                ways[_name(dtype, process.threads)] = _way(process, dtype, deadline)
    except TensorFlowFailed as failure:
        findings.append(f"Training steps: {failure}.")
    # Where products are hopeless, the default of the processor's flags is wrong.
    dtype = default.dtype if ratio <= _HOPELESS else "float32"
    usual = _name(dtype, default.threads)
    if usual in ways:
        try:
            tries = take_turns(ways, deadline - time.monotonic())
        except TensorFlowFailed as failure:
            findings = [f"Training steps: {failure}."]
    rows = measurement_rows("training step", tries)
    choice = choose_way(usual, tries or {usual: []})
    if choice.rounds < LEAST_ROUNDS:
        findings.append(
            f"Training keeps its default ({usual}): {choice.rounds} rounds could be "
            f"measured in the time for them, and {LEAST_ROUNDS} are needed."
        )
        return MeasuredTraining(None, findings, rows)
    chosen, threads = _parts(choice.name)
    why = _why(chosen, ratio, tries, default.threads)
    findings.append(
        f"Training: {choice.name}, {choice.speedups[choice.name]:.2f} times as fast as "
        f"the default ({usual}); {why}."
    )
    return MeasuredTraining(TunedTraining(chosen, threads, why), findings, rows)


def _product_ratio(process: TensorFlowProcess, deadline: float) -> float:
    """How many times as long as in float32 a product takes in bfloat16."""
    float32, bfloat16 = (
        process.ask("product_seconds", deadline, dtype=dtype, size=_PRODUCT_SIZE)
        for dtype in _FORMATS
    )
    return bfloat16 / float32


def _way(process: TensorFlowProcess, dtype: str, deadline: float) -> Callable[[], Try]:
    # The step that begins before the deadline may end behind it.
    return lambda: (
        process.ask("step_seconds", deadline + _PATIENCE_SECONDS, dtype=dtype),
    )


def _why(dtype: str, ratio: float, tries: Mapping[str, list[Try]], threads: int) -> str:
    if ratio > _HOPELESS:
        return (
            f"bfloat16 is refused: its matrix products take {ratio:.1f} times as long "
            "as float32's here"
        )
    float32, bfloat16 = (_name(each, threads) for each in _FORMATS)
    if bfloat16 not in tries or float32 not in tries:
        return "bfloat16 and float32 could not be compared"
    both = {name: tries[name] for name in (float32, bfloat16)}
    speedup = choose_way(float32, both).speedups[bfloat16]
    verb = "taken" if dtype == "bfloat16" else "refused"
    return (
        f"bfloat16 is {verb}: its steps are {speedup:.2f} times as fast as float32's "
        "here"
    )


def _name(dtype: str, threads: int) -> str:
    return f"{dtype}, {counted(threads, 'thread')}"


def _parts(name: str) -> tuple[Literal["float32", "bfloat16"], int]:
    dtype, threads = name.split(", ")
    return (
        "bfloat16" if dtype == "bfloat16" else "float32",
        int(threads.split()[0]),
    )
