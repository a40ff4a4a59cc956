"""What was measured to be fastest on a machine, and the file that keeps it."""

import dataclasses
import datetime
import math
from pathlib import Path
from typing import Any, Literal

from bert_cpu import storage
from bert_cpu.errors import UserError

FORMAT = "bert_cpu.tuned"

_REMEDY = "Measure again with `bert-cpu hardware --tune`."


@dataclasses.dataclass(frozen=True)
class TunedTraining:
    """How a process that trains alone computes fastest."""

    # Of matrix products.
    dtype: Literal["float32", "bfloat16"]
    threads: int
    # For the user: how the two dtypes compare here.
    why: str


@dataclasses.dataclass(frozen=True)
class TunedAnswering:
    """How a converted model answers fastest."""

    # Of one text that somebody waits for.
    threads: int
    # Of many texts: interpreters side by side, and threads of each.
    instances: int
    threads_each: int
    # int8 is slower than float32 here.
    refuses_int8: bool
    # Signatures at the middles between powers of two pay.
    middle_lengths: bool


@dataclasses.dataclass(frozen=True)
class TunedProfile:
    """One measurement. What could not be measured is None: the default holds."""

    # As `describe_machine` gives it.
    machine: dict[str, Any]
    # ISO 8601, UTC.
    measured_at: str
    # How long it took.
    seconds: float
    training: TunedTraining | None
    answering: TunedAnswering | None
    # What came out, in sentences for the user.
    findings: tuple[str, ...]
    # `what`, `candidate`, `rounds`, and milliseconds: `median`, `low` and `high`
    # (the quartiles).
    measurements: tuple[dict[str, Any], ...] = ()

    def save(self, path: Path) -> None:
        """Writes it aside and renames it.

        Raises:
            UserError: if the disk is full.
        """
        content = {"format": FORMAT, "version": 1} | dataclasses.asdict(self)
        storage.write_json(path, content)

    @classmethod
    def load(cls, path: Path) -> "TunedProfile":
        """Reads and checks it.

        Raises:
            UserError: if it is missing or damaged: in one line, with what to do.
        """
        content = storage.read_description(path, FORMAT, _REMEDY)
        try:
            return _restore(content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"'{path}' is damaged ({type(error).__name__}: {error}). {_REMEDY}"
            ) from None


def _restore(content: dict[str, Any]) -> TunedProfile:
    cores = _count(content["machine"]["cores"], "machine.cores")
    training = answering = None
    if content["training"] is not None:
        training = TunedTraining(**content["training"])
        if training.dtype not in ("float32", "bfloat16"):
            raise ValueError(f"training.dtype is {training.dtype!r}")
        _count(training.threads, "training.threads", cores)
        _expect(training.why, str, "training.why")
    if content["answering"] is not None:
        answering = TunedAnswering(**content["answering"])
        for name in ("threads", "instances", "threads_each"):
            _count(getattr(answering, name), f"answering.{name}", cores)
        threads = answering.instances * answering.threads_each
        _count(threads, "answering.instances times answering.threads_each", cores)
        for name in ("refuses_int8", "middle_lengths"):
            _expect(getattr(answering, name), bool, f"answering.{name}")
    seconds = float(content["seconds"])
    if not math.isfinite(seconds):
        raise ValueError(f"seconds is {seconds}")
    datetime.datetime.fromisoformat(content["measured_at"])
    return TunedProfile(
        content["machine"],
        content["measured_at"],
        seconds,
        training,
        answering,
        _all(content["findings"], str, "findings"),
        _all(content["measurements"], dict, "measurements"),
    )


def _count(value: Any, name: str, most: int = 1 << 16) -> int:
    if type(value) is not int or not 1 <= value <= most:
        raise ValueError(f"{name} is {value!r}, not 1 to {most}")
    return value


def _all(values: Any, kind: type, name: str) -> tuple[Any, ...]:
    return tuple(_expect(each, kind, name) for each in _expect(values, list, name))


def _expect(value: Any, kind: type, name: str) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{name} is {value!r}")
    return value
