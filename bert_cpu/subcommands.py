"""The commands: what each is asked, and who carries it out.

Nothing heavy is imported until a command runs, and for `predict`, `search`, `fsck`
and `hardware` not even then.
"""

import dataclasses
import sys
from collections.abc import Callable
from typing import Annotated, Any, Literal

import tyro

from bert_cpu.commands.trains_alone import trains_alone
from bert_cpu.errors import UserError
from bert_cpu.pretrain_settings import PretrainSettings
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

        given = _given(self)
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

        return merge.run(**_given(self))


@dataclasses.dataclass(frozen=True)
class Train(TrainSettings):
    """Fine-tune BERT on raw text, test it, and save it as runs/NAME."""

    def run(self) -> int:
        _start_tensorflow(self)
        from bert_cpu.commands import train

        return train.run(TrainSettings(**_given(self)))


@dataclasses.dataclass(frozen=True)
class Tune(TuneSettings):
    """Search good settings of training, and train the best on several seeds."""

    def run(self) -> int:
        _start_tensorflow(self)
        from bert_cpu.commands import tune

        return tune.run(TuneSettings(**_given(self)))


@dataclasses.dataclass(frozen=True)
class Pretrain(PretrainSettings):
    """Pre-train BERT on plain text, from random weights or from an encoder."""

    def run(self) -> int:
        _start_tensorflow(self)
        from bert_cpu.commands import pretrain

        return pretrain.run(PretrainSettings(**_given(self)))


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

        return evaluate.run(**_given(self))


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
        _expect_at_least(0, threads=self.threads)

    def run(self) -> int:
        _start_tensorflow(self)
        from bert_cpu.commands import export

        return export.run(**_given(self))


@dataclasses.dataclass(frozen=True)
class Predict:
    """Answer texts with a converted model. Without texts, reads standard input."""

    # A run's directory, or one that holds a model.json.
    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")]
    # The texts.
    texts: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEXT ...]")
    ] = ()
    # The second text, for a model that reads pairs.
    pair: str | None = None
    # A csv, tsv, jsonl or txt file with texts.
    file: str | None = None
    # The column of the file that holds the text.
    text: str = "text"
    # The column that holds the second text. From standard input: behind a tab.
    text_pair: str | None = None
    # Default: the one that was chosen when converting.
    variant: Literal["float32", "int8"] | None = None
    # Threads of one answer. 0: what was measured (`hardware --tune`), else all cores.
    threads: int = 0
    # Interpreters for the texts of a file. 0: what was measured, else one a core.
    instances: int = 0
    # Print a JSON object a line: text, label, probabilities.
    json: bool = False

    def __post_init__(self):
        _expect_at_least(0, threads=self.threads, instances=self.instances)

    def run(self) -> int:
        from bert_cpu.commands import predict

        return predict.run(**_given(self))


@dataclasses.dataclass(frozen=True)
class Search:
    """Find the texts of a file that mean most nearly the same as a query."""

    # A run's directory, of a model of the task embed.
    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")]
    # A csv, tsv, jsonl or txt file with the texts to look through.
    file: str
    # What to look for.
    queries: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[QUERY ...]")
    ] = ()
    # The column of the file that holds the text.
    text: str = "text"
    # The directory of their vectors, made on first use. Default: FILE.index.
    index: str | None = None
    # Texts to find for each query.
    top: int = 5
    # Default: the one that was chosen when converting.
    variant: Literal["float32", "int8"] | None = None
    # Threads of one text. 0: the cores that this process may use.
    threads: int = 0
    # Print a JSON object a line.
    json: bool = False

    def __post_init__(self):
        _expect_at_least(0, threads=self.threads)
        _expect_at_least(1, top=self.top)

    def run(self) -> int:
        from bert_cpu.commands import search

        return search.run(**_given(self))


@dataclasses.dataclass(frozen=True)
class Fsck:
    """Check prepared records against their manifest: every file, record and count."""

    # A directory of prepared records, of `prepare` or within a run.
    directory: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    # The directory of the encoder that they must have been prepared for.
    encoder: str | None = None
    # Print JSON.
    json: bool = False

    def run(self) -> int:
        from bert_cpu.commands import fsck

        return fsck.run(**_given(self))


@dataclasses.dataclass(frozen=True)
class Hardware:
    """Show what this processor has, what will be used, and whether a model fits."""

    # A BERT checkpoint: minilm, or a directory in Hugging Face layout.
    encoder: str | None = None
    # Examples in one batch of training.
    batch_size: int = 32
    # Tokens in the longest sequence.
    max_length: int = 128
    # Of matrix products.
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    # Threads of one process. 0: the cores that this process may use.
    threads: int = 0
    # Processes that train together.
    workers: int = 1
    # Measure what is fastest here, in a minute, for all commands to use.
    tune: bool = False
    # Print JSON.
    json: bool = False

    def __post_init__(self):
        _expect_at_least(1, batch_size=self.batch_size, max_length=self.max_length)

    def run(self) -> int:
        from bert_cpu.commands import hardware

        return hardware.run(**_given(self))


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


def _given(command) -> dict[str, Any]:
    given = {f.name: getattr(command, f.name) for f in dataclasses.fields(command)}
    if "json" in given:
        given["as_json"] = given.pop("json")
    return given


def _start_tensorflow(command):
    from bert_cpu.commands.start_tensorflow import start_tensorflow

    dtype = getattr(command, "dtype", "auto")
    threads = getattr(command, "threads", 0)
    batch = getattr(command, "batch_size", None)
    note = start_tensorflow(dtype, threads, trains_alone(command), batch)
    if note:
        print(note, file=sys.stderr)


def _expect_at_least(least, **numbers):
    for field, number in numbers.items():
        if number < least:
            flag = "--" + field.replace("_", "-")
            raise UserError(f"{flag} is {number}, but must be {least} or more.")
