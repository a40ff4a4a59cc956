"""How many threads and which numbers a process should compute with, and why."""

import dataclasses
from typing import Literal

from bert_cpu.counted import counted
from bert_cpu.errors import UserError
from bert_cpu.hardware.cpu import Hardware
from bert_cpu.hardware.tuned_profile import TunedProfile

# Each multiplies bfloat16 in hardware; without one, it is emulated and slow.
_BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16", "bf16")
# A stream a thread makes the graph that much larger: its first step takes a second
# more for each. Up to here that is earned back within an epoch of 8,000 texts.
_MOST_STREAMS = 8
# Examples of a stream, at least.
_LEAST_EXAMPLES = 2


@dataclasses.dataclass(frozen=True)
class Profile:
    """How one process computes."""

    # Of one process.
    threads: int
    # Parts of a batch that are computed at the same time, each by one thread; 1: all
    # threads compute one operation after the other.
    streams: int
    # Of matrix products; weights and sums stay float32.
    dtype: Literal["float32", "bfloat16"]
    # Whether TensorFlow uses the kernels of the oneDNN library.
    one_dnn: bool
    # One sentence for the user.
    why: str

    def environment(self) -> dict[str, str]:
        """The environment variables to set before TensorFlow is imported."""
        threads = str(self.threads)
        return {
            "TF_CPP_MIN_LOG_LEVEL": "2",  # Errors, without the advice on flags.
            "TF_ENABLE_ONEDNN_OPTS": str(int(self.one_dnn)),
            "TF_NUM_INTRAOP_THREADS": "1" if self.streams > 1 else threads,
            "TF_NUM_INTEROP_THREADS": threads,
            "OMP_NUM_THREADS": threads,  # NumPy's and scikit-learn's products.
        }


def choose_profile(
    hardware: Hardware,
    dtype: str = "auto",
    threads: int = 0,
    workers: int = 1,
    tuned: TunedProfile | None = None,
    batch: int | None = None,
) -> Profile:
    """Chooses threads and number format for this hardware.

    Args:
        hardware: from `read_hardware`.
        dtype: "auto", "float32" or "bfloat16". auto is what was measured to be
            faster; where nothing was, bfloat16 only if the processor multiplies it in
            hardware.
        threads: of one process. 0: as many as were measured to be fastest, else an
            even share of the cores.
        workers: processes that compute at the same time on this machine. What was
            measured holds for one.
        tuned: what was measured here, if it was.
        batch: examples that a process computes at once, if they may be few.

    Returns:
        Profile, with the reasons in `why`.

    Raises:
        UserError: for another dtype, negative threads, or more workers than cores.
    """
    if dtype not in ("auto", "float32", "bfloat16"):
        raise UserError(f"--dtype is {dtype}, but must be auto, float32 or bfloat16.")
    if threads < 0:
        raise UserError(f"--threads is {threads}, but must be 0 or more.")
    if not 1 <= workers <= hardware.cores:
        raise UserError(
            f"--workers is {workers}, but must be 1 to {hardware.cores}, the cores "
            "that this process may use."
        )
    measured = tuned.training if tuned and workers == 1 else None
    if measured and not threads:
        threads = measured.threads
        why_threads = f"{counted(threads, 'thread')}, which was measured to be fastest"
    else:
        threads, why_threads = _choose_threads(hardware.cores, threads, workers)
    if measured and dtype in ("auto", measured.dtype):
        chosen, why_dtype = measured.dtype, f"{measured.dtype}, as {measured.why}"
    elif measured and dtype == "bfloat16":
        chosen, why_dtype = "bfloat16", f"bfloat16 as asked for, but {measured.why}"
    else:
        chosen, why_dtype = _choose_dtype(hardware, dtype)
    why = f"{why_threads}; {why_dtype}."
    return Profile(
        threads, _choose_streams(threads, batch), chosen, one_dnn=True, why=why
    )


def _choose_threads(cores: int, threads: int, workers: int) -> tuple[int, str]:
    each = f" in each of {workers} processes" if workers > 1 else ""
    if threads * workers > cores:
        return threads, (
            f"{counted(threads, 'thread')}{each} as asked for, more than this process "
            f"may use cores ({cores}), so that they wait for each other"
        )
    if threads:
        return threads, f"{counted(threads, 'thread')}{each} as asked for"
    threads = cores // workers
    if cores == 1:
        return threads, "1 thread, as this process may use one core"
    share = "an even share" if workers > 1 else "one for each"
    return threads, (
        f"{counted(threads, 'thread')}{each}, {share} of the {cores} cores that this "
        "process may use"
    )


def _choose_streams(threads: int, batch: int | None) -> int:
    is_enough = batch is None or batch >= _LEAST_EXAMPLES * threads
    return threads if threads <= _MOST_STREAMS and is_enough else 1


def _choose_dtype(
    hardware: Hardware, dtype: str
) -> tuple[Literal["float32", "bfloat16"], str]:
    flag = next((flag for flag in _BFLOAT16_FLAGS if flag in hardware.simd), None)
    if dtype == "float32":
        return "float32", "float32 as asked for"
    if flag:
        return "bfloat16", f"bfloat16, as this processor multiplies it ({flag})"
    missing = "has none of " + ", ".join(_BFLOAT16_FLAGS)
    if dtype == "bfloat16":
        return "bfloat16", (
            f"bfloat16 as asked for, but slow: this processor {missing}, and "
            "float32 would be faster"
        )
    return "float32", f"float32, as this processor {missing}"
