"""The commands: what each is asked, and who carries it out.

Nothing heavy is imported until a command runs. Those that answer at once are in
`quick_subcommands`.
"""

import dataclasses
import sys
from collections.abc import Callable
from typing import Annotated, Literal, get_type_hints

import tyro

from bert_cpu.commands.expect_at_least import expect_at_least
from bert_cpu.commands.given_to import given_to
from bert_cpu.commands.positional import Positional
from bert_cpu.commands.trains_alone import trains_alone
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.quick_subcommands import QUICK_COMMANDS, Fsck, Hardware, Predict, Search
from bert_cpu.settings import PrepareSettings, TrainSettings
from bert_cpu.tune_settings import TuneSettings


@dataclasses.dataclass(frozen=True)
class Prepare(PrepareSettings):
    """Turn raw text into records that `train --data` reads."""

    # The directory to write.
    output: str = "records"
    # Replace records that are there.
    overwrite: bool = False
    # i/N, from 0/N to N-1/N: write this part, for `bert-cpu merge` to join.
    part: str | None = None
    # Who does the work: processes of this machine, or a Ray cluster.
    engine: Literal["processes", "ray"] = "processes"

    def run(self) -> int:
        _start_tensorflow(self)
        from bert_cpu.commands import prepare

        given = given_to(self)
        own = ("output", "overwrite", "part", "engine")
        work = {name: given.pop(name) for name in own}
        return prepare.run(PrepareSettings(**given), **work)


@dataclasses.dataclass(frozen=True)
class Merge:
    """Join the parts that `prepare --part` wrote to one set of records."""

    # The directory to write.
    output: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="OUTPUT")]
    # The directories of all parts.
    parts: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PART ...")
    ]
    # Replace records that are there.
    overwrite: bool = False

    def run(self) -> int:
        _start_tensorflow(self)
        from bert_cpu.commands import merge

        return merge.run(**given_to(self))


@dataclasses.dataclass(frozen=True)
class Train(TrainSettings):
    """Fine-tune BERT on raw text, test it, and save it as runs/NAME."""

    def run(self) -> int:
        _start_tensorflow(self)
        from bert_cpu.commands import train

        return train.run(TrainSettings(**given_to(self)))


@dataclasses.dataclass(frozen=True)
class Tune(TuneSettings):
    """Search good settings of training, and train the best on several seeds."""

    def run(self) -> int:
        _start_tensorflow(self)
        from bert_cpu.commands import tune

        return tune.run(TuneSettings(**given_to(self)))


@dataclasses.dataclass(frozen=True)
class Pretrain(PretrainSettings):
    """Pre-train BERT on plain text, from random weights or from an encoder."""

    def run(self) -> int:
        if not self.resume:
            self.expect_one_encoder()
        _start_tensorflow(self)
        from bert_cpu.commands import pretrain

        return pretrain.run(PretrainSettings(**given_to(self)))


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """Measure a trained model again on the data it was trained with."""

    # The run.
    name: str = "movie_reviews"
    # The directory that holds all runs.
    runs_dir: str = "runs"
    # The split to measure on.
    split: Literal["test", "validation", "train"] = "test"
    # Leave damaged records out, count them, and keep their bytes aside.
    skip_damaged: bool = False
    # Print JSON.
    json: bool = False

    def run(self) -> int:
        _start_tensorflow(self)
        from bert_cpu.commands import evaluate

        return evaluate.run(**given_to(self))


@dataclasses.dataclass(frozen=True)
class Export:
    """Convert a trained model to TensorFlow Lite, compare, and keep the better."""

    # The run.
    name: str = "movie_reviews"
    # The directory that holds all runs.
    runs_dir: str = "runs"
    # Threads of one answer. 0: what was measured (`hardware --tune`), else all cores.
    threads: int = 0

    def __post_init__(self):
        expect_at_least(0, threads=self.threads)

    def run(self) -> int:
        _start_tensorflow(self)
        from bert_cpu.commands import export

        return export.run(**given_to(self))


# In the order of `--help`.
COMMANDS: dict[str, Callable] = {
    "train": Train,
    "tune": Tune,
    "pretrain": Pretrain,
    "export": Export,
    "predict": Predict,
    "search": Search,
    "evaluate": Evaluate,
    "prepare": Prepare,
    "merge": Merge,
    "fsck": Fsck,
    "hardware": Hardware,
}


def _start_tensorflow(command):
    from bert_cpu.commands.start_tensorflow import start_tensorflow

    dtype = getattr(command, "dtype", "auto")
    threads = getattr(command, "threads", 0)
    batch = getattr(command, "batch_size", None)
    note = start_tensorflow(dtype, threads, trains_alone(command), batch)
    if note:
        print(note, file=sys.stderr)


def _mark_for_tyro(kind):
    """Puts the parser's own marks beside ours, which it doesn't know."""
    for name, annotation in get_type_hints(kind, include_extras=True).items():
        for mark in getattr(annotation, "__metadata__", ()):
            if isinstance(mark, Positional):
                kind.__annotations__[name] = Annotated[
                    annotation,
                    tyro.conf.Positional,
                    tyro.conf.arg(metavar=mark.metavar),
                ]


for _kind in QUICK_COMMANDS.values():
    _mark_for_tyro(_kind)
