"""The commands that answer at once: what each is asked, and who carries it out.

With nothing imported that they don't need: a parser of all commands takes longer to
import than a text takes to answer. `parse_quickly` reads what is typed for these, and
`parse_arguments` whatever it leaves.
"""

import dataclasses
from typing import Annotated, Literal

from bert_cpu.commands.expect_at_least import expect_at_least
from bert_cpu.commands.given_to import given_to
from bert_cpu.commands.positional import Positional


@dataclasses.dataclass(frozen=True)
class Predict:
    """Answer texts with a converted model. Without texts, reads standard input.

    Each text gets a line; one of several that can't be answered, a line that says why.
    """

    # A run's directory, or one that holds a model.json.
    model: Annotated[str, Positional("MODEL")]
    # The texts.
    texts: Annotated[tuple[str, ...], Positional("[TEXT ...]")] = ()
    # The second text, for a model that reads pairs.
    pair: str | None = None
    # A file with texts: csv, tsv, jsonl or txt, and what else the task is trained on.
    file: str | None = None
    # The column of the file that holds the text. Default: the task's own.
    text: str | None = None
    # The column that holds the second text. From standard input: behind a tab.
    # Default: the task's own, if it has one.
    text_pair: str | None = None
    # Default: the one that was chosen when converting.
    variant: Literal["float32", "int8"] | None = None
    # Threads of one answer. 0: what was measured (`hardware --tune`), else all cores.
    threads: int = 0
    # Interpreters for the texts of a file. 0: what was measured, else one a core.
    instances: int = 0
    # Print a JSON object a line: text, and what the task answers, or error.
    json: bool = False

    def __post_init__(self):
        expect_at_least(0, threads=self.threads, instances=self.instances)

    def run(self) -> int:
        from bert_cpu.commands import predict

        return predict.run(**given_to(self))


@dataclasses.dataclass(frozen=True)
class Search:
    """Find the texts of a file that mean most nearly the same as a query."""

    # A run's directory, of a model of the task embed.
    model: Annotated[str, Positional("MODEL")]
    # A csv, tsv, jsonl or txt file with the texts to look through.
    file: str
    # What to look for.
    queries: Annotated[tuple[str, ...], Positional("[QUERY ...]")] = ()
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
        expect_at_least(0, threads=self.threads)
        expect_at_least(1, top=self.top)

    def run(self) -> int:
        from bert_cpu.commands import search

        return search.run(**given_to(self))


@dataclasses.dataclass(frozen=True)
class Fsck:
    """Check prepared records against their manifest: every file, record and count."""

    # A directory of prepared records, of `prepare` or within a run.
    directory: Annotated[str, Positional("DIR")]
    # The directory of the encoder that they must have been prepared for.
    encoder: str | None = None
    # Print JSON.
    json: bool = False

    def run(self) -> int:
        from bert_cpu.commands import fsck

        return fsck.run(**given_to(self))


@dataclasses.dataclass(frozen=True)
class Hardware:
    """Show what this processor has, what will be used, and whether a model fits."""

    # A BERT checkpoint: minilm, or a directory in Hugging Face layout or with one of
    # Google's.
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
        expect_at_least(1, batch_size=self.batch_size, max_length=self.max_length)

    def run(self) -> int:
        from bert_cpu.commands import hardware

        return hardware.run(**given_to(self))


QUICK_COMMANDS: dict[str, type] = {
    "predict": Predict,
    "search": Search,
    "fsck": Fsck,
    "hardware": Hardware,
}
