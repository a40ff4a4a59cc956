"""Every setting of a sweep."""

import dataclasses
import pathlib
import re
from typing import Literal

from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings, expect

# Of a sweep that is told neither how long nor how many.
_DEFAULT_BUDGET = "30m"
_TIME = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


@dataclasses.dataclass(frozen=True)
class TuneSettings(PrepareSettings):
    """What a sweep looks for, how, and where it is kept."""

    # The sweep's name: its directory is SWEEPS_DIR/NAME, and the best is trained as
    # RUNS_DIR/NAME-best-SEED.
    name: str = "movie_reviews"
    # The directory that holds all sweeps.
    sweeps_dir: str = "sweeps"
    # The directory that holds all runs.
    runs_dir: str = "runs"
    # A YAML file with the settings to search. Default: those that matter most.
    space: str | None = None
    # How trials are chosen. hyperband begins many and goes on with the best.
    algorithm: Literal["hyperband", "bayesian", "random"] = "hyperband"
    # Time for trials, such as 30m, 1h30m or 90s. Default: 30m, or any with --trials.
    budget: str | None = None
    # Trials at most. 0: as many as the budget has room for.
    trials: int = 0
    # A metric of the validation split, or loss. Default: the task's first metric.
    objective: str | None = None
    # Milliseconds that the converted model may take for a text of max_length tokens.
    max_latency_ms: float | None = None
    # Megabytes that the converted model may have.
    max_size_mb: float | None = None
    # Epochs of a trial, the most for hyperband, unless the space searches them.
    epochs: int = 3
    # Stop a trial whose best score is under the median of the others' at its epoch.
    median_stop: bool = True
    # Trials at the same time, each with its share of the cores.
    workers: int = 1
    # Fixes which values are tried. Each trial has this seed plus its number.
    seed: int = 0
    # Of matrix products. auto: bfloat16 where the processor multiplies it.
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    # Seeds that the best settings are trained with at the end. 0: no training.
    final_seeds: int = 3
    # Train the default settings with the same seeds, to compare.
    compare_default: bool = True
    # Go on with a sweep that was stopped or killed.
    resume: bool = False
    # Delete the sweep and the final runs of this name first.
    overwrite: bool = False

    def __post_init__(self):
        super().__post_init__()
        is_plain = "/" not in self.name and self.name not in ("", ".", "..")
        expect(is_plain, "name", self.name, "a file name without '/'")
        for field in ("epochs", "workers"):
            expect(getattr(self, field) >= 1, field, getattr(self, field), "1 or more")
        for field in ("trials", "seed", "final_seeds"):
            expect(getattr(self, field) >= 0, field, getattr(self, field), "0 or more")
        for field in ("max_latency_ms", "max_size_mb"):
            value = getattr(self, field)
            expect(value is None or value > 0, field, value, "over 0")
        self.budget_seconds  # noqa: B018 - says what is wrong with it.
        if self.resume and self.overwrite:
            raise UserError("Got --resume and --overwrite. Give one of the two.")

    @property
    def sweep_dir(self) -> pathlib.Path:
        return pathlib.Path(self.sweeps_dir) / self.name

    @property
    def has_limits(self) -> bool:
        """Whether the converted model must be fast or small."""
        return self.max_latency_ms is not None or self.max_size_mb is not None

    @property
    def budget_seconds(self) -> float | None:
        """The time for trials; None if only their number ends the sweep.

        Raises:
            UserError: if the budget is no time.
        """
        if self.budget is None and self.trials:
            return None
        budget = _DEFAULT_BUDGET if self.budget is None else self.budget
        found = _TIME.fullmatch(budget)
        hours, minutes, seconds = map(int, found.groups("0")) if found else (0, 0, 0)
        total = 3600 * hours + 60 * minutes + seconds
        if not total:
            raise UserError(
                f"--budget is '{budget}', but must be a time over 0, such as 30m, "
                "1h30m or 90s."
            )
        return float(total)

    @classmethod
    def free_fields(cls) -> tuple[str, ...]:
        """What may be another when a sweep goes on; the rest is what it is."""
        return (
            *("budget", "trials", "workers", "final_seeds", "compare_default"),
            *("resume", "overwrite", "processes", "runs_dir", "sweeps_dir"),
        )
