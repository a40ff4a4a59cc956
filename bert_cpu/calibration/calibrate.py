"""Measures this machine and says what is fastest on it."""

import contextlib
import datetime
import pathlib
import tempfile
import time
from collections.abc import Callable, Mapping

from bert_cpu.calibration.measure_answering import MeasuredAnswering, measure_answering
from bert_cpu.calibration.measure_training import measure_training
from bert_cpu.calibration.tensorflow_process import (
    TensorFlowFailed,
    TensorFlowProcess,
)
from bert_cpu.errors import UserError
from bert_cpu.hardware.cpu import Hardware
from bert_cpu.hardware.encoder_shape import EncoderShape
from bert_cpu.hardware.machine import describe_machine
from bert_cpu.hardware.memory import estimate_training_memory, format_bytes
from bert_cpu.hardware.tuned_profile import TunedProfile

# Two blocks of MiniLM with few words: what differs between ways is the blocks' work.
SMALL_ENCODER = {
    "vocab_size": 2_000,
    "hidden_size": 384,
    "num_hidden_layers": 2,
    "num_attention_heads": 12,
    "intermediate_size": 1_536,
    "max_position_embeddings": 128,
    "type_vocab_size": 2,
}
# Under a minute, with what it takes to end.
SECONDS = 56.0
_BATCH = 16
# Of the time: training, until conversion is done, and the rest for answers.
_TRAINING, _CONVERTED = 0.6, 0.82


def calibrate(
    hardware: Hardware,
    shape: Mapping[str, int] = SMALL_ENCODER,
    seconds: float = SECONDS,
    log: Callable[[str], object] = print,
) -> TunedProfile:
    """Trains a little, converts, answers: each way in turn with the default.

    What can't be measured in its share of the time keeps its default, and the
    findings say so.

    Args:
        hardware: from `read_hardware`.
        shape: of the encoder to measure with, fields of a `config.json`.
        seconds: that all of it may take.
        log: is called with a line about each stage.

    Raises:
        UserError: if there is too little memory.
    """
    begin = time.monotonic()
    longest = shape["max_position_embeddings"]
    with contextlib.ExitStack() as stack:
        processes = [
            # All start at once: most of a start is waiting for the disk.
            stack.enter_context(TensorFlowProcess(hardware, threads))
            for threads in _thread_counts(hardware, shape)
        ]
        log("Taking training steps in float32 and bfloat16")
        trained = measure_training(
            hardware,
            processes,
            shape,
            _BATCH,
            longest // 2,
            begin + _TRAINING * seconds,
        )
        with tempfile.TemporaryDirectory() as directory:
            log("Converting a small encoder, and answering with it")
            answered = _measure_answers(
                hardware, stack, processes[0], shape, directory, begin, seconds
            )
    return TunedProfile(
        machine=describe_machine(hardware),
        measured_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - begin, 1),
        training=trained.training,
        answering=answered.answering,
        findings=(*trained.findings, *answered.findings),
        measurements=(*trained.rows, *answered.rows),
    )


def _thread_counts(hardware: Hardware, shape: Mapping[str, int]) -> list[int]:
    """All cores, and half of them if the memory holds two processes.

    Where two hardware threads share a core, one thread a core may be faster.
    """
    estimate = estimate_training_memory(
        EncoderShape(**shape), _BATCH, shape["max_position_embeddings"] // 2
    )
    fitting = hardware.memory_available // estimate.total
    if not fitting:
        raise UserError(
            f"Measuring needs about {format_bytes(estimate.total)} of memory, but "
            f"{format_bytes(hardware.memory_available)} are available. Close other "
            "programs, or raise the limit of the container."
        )
    return list(dict.fromkeys([hardware.cores, max(1, hardware.cores // 2)]))[:fitting]


def _measure_answers(
    hardware: Hardware,
    stack: contextlib.ExitStack,
    process: TensorFlowProcess,
    shape: Mapping[str, int],
    directory: str,
    begin: float,
    seconds: float,
) -> MeasuredAnswering:
    longest = shape["max_position_embeddings"]
    buckets = [longest // 8, longest // 4, longest // 2, longest]
    every = sorted([*buckets, *(bucket // 2 * 3 for bucket in buckets[:-1])])
    files: dict[tuple[str, int], pathlib.Path] = {}
    try:
        for variant, lengths in (
            ("float32", buckets),
            ("int8", buckets),
            ("int8", every),
        ):
            path = process.ask(
                "convert",
                begin + _CONVERTED * seconds,
                directory=directory,
                shape=dict(shape),
                variant=variant,
                buckets=lengths,
            )
            files[variant, len(lengths)] = pathlib.Path(path)
    except TensorFlowFailed as failure:
        return MeasuredAnswering(None, [f"Answers keep their default: {failure}."], [])
    # Nothing else must compute, or hold memory, while answers are timed.
    stack.close()
    return measure_answering(
        hardware,
        {variant: files[variant, len(buckets)] for variant in ("float32", "int8")},
        buckets,
        files["int8", len(every)],
        every,
        begin + seconds,
    )
