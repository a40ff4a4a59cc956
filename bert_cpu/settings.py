"""Every setting of a run, typed and frozen: the command line and `config.json`.

The command line makes one of these objects, `config.json` stores it, and
`--resume` reads it back. Nothing below the command line reads a flag.
"""

import dataclasses
import pathlib
from typing import Literal, get_args, get_origin, get_type_hints

from bert_cpu.errors import UserError
from bert_cpu.task_names import TaskName

Language = Literal["none", "english", "chinese"]


@dataclasses.dataclass(frozen=True)
class PrepareSettings:
    """How raw text becomes records that training reads."""

    # What is to be learned.
    task: TaskName = "classify"
    # tfds:NAME[/CONFIG], a file (csv, tsv, jsonl, and what else the task reads), or
    # a prepared directory.
    data: str = "tfds:movie_reviews"
    # A file with the validation split. Default: one text in ten of `data`.
    validation: str | None = None
    # A file with the test split. Default: one text in ten of `data`.
    test: str | None = None
    # The column that holds the text.
    text: str = "text"
    # The column that holds the second text of a pair, if there is one.
    text_pair: str | None = None
    # The column that holds what is to be learned.
    label: str = "label"
    # A BERT checkpoint: minilm, a directory in Hugging Face layout or with one of
    # Google's, or a hub id.
    encoder: str = "minilm"
    # Tokens in the longest sequence, special tokens included; the rest is cut.
    max_length: int = 128
    # Tokens that neighbouring windows of a long text share, in tasks that read all
    # of it. Default: a quarter of max_length.
    stride: int | None = None
    # Largest share of the training split's tokens that may be unknown to the
    # encoder's vocabulary.
    most_unknown: float = 0.5
    # What the task relate reads for the marks of entities: written, their word pieces;
    # signs, one token each, which takes less time. auto: written, or as prepared
    # records have them.
    entity_marks: Literal["auto", "written", "signs"] = "auto"
    # Mend tags that are not legal BIO instead of refusing them.
    repair: bool = False
    # Unicode NFKC, full width to half width, control characters out.
    normalize: bool = False
    # Leave out the stop words of this language.
    stop_words: Language = "none"
    # Cut words to their stems by the rules of this language.
    stem: Language = "none"
    # How records are stored: TFRecord shards or one HDF5 file a split.
    record_format: Literal["tfrecord", "hdf5"] = "tfrecord"
    # Examples in one TFRecord shard.
    shard_size: int = 50_000
    # Processes that prepare records, which are the same for any number of them.
    # 0: one a core, four at most, for files of 4 MB and more, else one; on Ray, one a
    # core of its cluster.
    processes: int = 0

    def __post_init__(self):
        expect_choices(self)
        # One token of each text, [CLS], and [SEP] behind each.
        least = 3 if self.text_pair is None else 5
        expect(
            self.max_length >= least, "max_length", self.max_length, f"{least} or more"
        )
        expect(self.overlap >= 0, "stride", self.stride, "0 or more")
        expect(
            0 < self.most_unknown <= 1,
            "most_unknown",
            self.most_unknown,
            "a share in (0, 1]",
        )
        expect(self.shard_size >= 1, "shard_size", self.shard_size, "1 or more")
        expect(self.processes >= 0, "processes", self.processes, "0 or more")

    @property
    def changed_texts(self) -> str | None:
        """The first option given that changes texts before they are read."""
        for field in ("normalize", "stop_words", "stem"):
            if getattr(self, field) not in (False, "none"):
                return "--" + field.replace("_", "-")
        return None

    @property
    def overlap(self) -> int:
        """`stride`, given or not."""
        return self.max_length // 4 if self.stride is None else self.stride


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """How a model is trained, whatever it learns, and where the run is kept."""

    # What is learned from.
    data: str = "tfds:movie_reviews"
    # The run's name: its directory is RUNS_DIR/NAME.
    name: str = "movie_reviews"
    # The directory that holds all runs.
    runs_dir: str = "runs"
    # Passes over the training split. 0: the encoder stays as it is, which the tasks
    # embed and fill have a use for.
    epochs: int = 3
    # Stop after this time, wherever it is; the learning rate falls to 0 by then. 0:
    # when the epochs are done.
    minutes: float = 0.0
    # Examples in one batch, over all workers.
    batch_size: int = 32
    # Batches whose gradients are summed for one update.
    accumulate: int = 1
    # The highest learning rate.
    learning_rate: float = 5e-5
    # Share of all updates over which the rate climbs from 0, in [0, 1).
    warmup: float = 0.1
    # Decay of weights (never of norms and biases) an update, times the rate.
    weight_decay: float = 0.01
    # Momentum of AdamW's mean square of gradients, in (0, 1).
    beta_2: float = 0.999
    # Longest gradient over all weights; a longer one is scaled down. 0: any.
    clip_norm: float = 1.0
    # Share of features zeroed in training, [0, 1). Default: the checkpoint's.
    dropout: float | None = None
    # Stop after this many epochs without a better validation score. 0: never.
    early_stopping: int = 0
    # Momentum of the moving average of weights that is kept as the model. 0: none.
    ema: float = 0.99
    # Fixes the split-independent chances: order, dropout, the new head.
    seed: int = 0
    # Of matrix products. auto: bfloat16 where the processor multiplies it.
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    # Compile what is not a matrix product, once for each length of batch, where no
    # operations in C++ do it. auto: where the run is long enough.
    compile: Literal["auto", "on", "off"] = "auto"
    # Threads of one process. 0: the cores that this process may use.
    threads: int = 0
    # Processes that train together on this machine. 0: one, and on a machine whose
    # NUMA nodes have 8 cores or more, one for each.
    workers: int = 0
    # All workers of a cluster of machines: host:port,host:port, the chief first.
    # Default: what TF_CONFIG, Kubernetes or Slurm say.
    cluster: str | None = None
    # Which worker of --cluster this process is, from 0.
    index: int | None = None
    # Seconds that a worker waits for the others when it starts.
    join_timeout: float = 300.0
    # Seconds after which a worker that is not heard is lost, and the others stop.
    heartbeat: float = 30.0
    # Times that workers are started again from the last checkpoint when one fails.
    restarts: int = 0
    # Minutes between checkpoints within an epoch.
    checkpoint_minutes: float = 5.0
    # Checkpoints that are kept; a damaged one costs the steps since the one before.
    keep_checkpoints: int = 2
    # Leave damaged records out, count them, and keep their bytes aside. Default: one
    # of them stops the run before it has begun.
    skip_damaged: bool = False
    # Go on from the run's last checkpoint.
    resume: bool = False
    # Delete the run directory of this name first.
    overwrite: bool = False

    def __post_init__(self):
        expect_choices(self)
        is_plain = "/" not in self.name and self.name not in ("", ".", "..")
        expect(is_plain, "name", self.name, "a file name without '/'")
        for field in (
            *("batch_size", "accumulate", "keep_checkpoints"),
            *("join_timeout", "heartbeat"),
        ):
            expect(getattr(self, field) >= 1, field, getattr(self, field), "1 or more")
        for field in (
            *("epochs", "early_stopping", "threads", "seed"),
            *("workers", "restarts"),
        ):
            expect(getattr(self, field) >= 0, field, getattr(self, field), "0 or more")
        for field in ("warmup", "ema", "dropout"):
            share = getattr(self, field) or 0.0
            expect(0 <= share < 1, field, share, "a share in [0, 1)")
        expect(self.learning_rate > 0, "learning_rate", self.learning_rate, "over 0")
        expect(0 < self.beta_2 < 1, "beta_2", self.beta_2, "a number in (0, 1)")
        for field in ("weight_decay", "clip_norm", "checkpoint_minutes", "minutes"):
            expect(getattr(self, field) >= 0, field, getattr(self, field), "0 or more")
        expect(
            self.batch_size % (self.workers or 1) == 0,
            "batch_size",
            self.batch_size,
            f"a multiple of workers={self.workers}",
        )
        if self.minutes and self.workers > 1:
            raise UserError(
                f"--minutes is {self.minutes:g} with {self.workers} workers, but only "
                "one process can stop by the clock. Give --minutes 0 and --epochs, or "
                "leave --workers out."
            )
        if self.index is not None and self.cluster is None:
            raise UserError(
                f"--index is {self.index}, but there is no --cluster that it is of. "
                "Give --cluster host:port,host:port as well."
            )
        if self.cluster is not None and self.workers > 1:
            raise UserError(
                f"Got --cluster and --workers {self.workers}. Give --cluster alone, "
                "with an address for each worker."
            )
        if self.resume and self.overwrite:
            raise UserError("Got --resume and --overwrite. Give one of the two.")

    @property
    def run_dir(self) -> pathlib.Path:
        return pathlib.Path(self.runs_dir) / self.name

    @property
    def mended_dir(self) -> pathlib.Path | None:
        """Where records are without the damaged ones, if those may be left out."""
        return self.run_dir / "mended" if self.skip_damaged else None

    @classmethod
    def fixed_fields(cls) -> tuple[str, ...]:
        """What saved state depends on, so that `resume` can't change it."""
        return ("batch_size", "accumulate", "ema", "seed", "compile")


@dataclasses.dataclass(frozen=True)
class TrainSettings(PrepareSettings, RunSettings):
    """How an encoder is fine-tuned, and where the run is kept."""

    # Each layer below the top learns at this share of the rate above it, (0, 1].
    layer_decay: float = 1.0
    # Begin with random weights, in the encoder's shape and with its words.
    random_weights: bool = False
    # Lowest encoder layers (with the embeddings) that are left as they are.
    freeze_layers: int = 0
    # Lowest encoder layers that are kept; those above are left out. 0: all.
    keep_layers: int = 0
    # How the vectors of a text's tokens become one: mean; cls, the first one; pooled,
    # that one through BERT's pooler. auto: mean in the task embed, else pooled.
    pooling: Literal["auto", "mean", "cls", "pooled"] = "auto"
    # Share of tokens hidden behind [MASK] in training, others each time, [0, 1).
    word_dropout: float = 0.0
    # Share of probability spread over the wrong labels, [0, 1).
    label_smoothing: float = 0.0
    # balanced: rare labels weigh more, so that all weigh the same together.
    class_weights: Literal["none", "balanced"] = "none"

    def __post_init__(self):
        PrepareSettings.__post_init__(self)
        RunSettings.__post_init__(self)
        for field in ("freeze_layers", "keep_layers"):
            expect(getattr(self, field) >= 0, field, getattr(self, field), "0 or more")
        for field in ("word_dropout", "label_smoothing"):
            share = getattr(self, field)
            expect(0 <= share < 1, field, share, "a share in [0, 1)")
        expect(0 < self.layer_decay <= 1, "layer_decay", self.layer_decay, "in (0, 1]")

    @classmethod
    def fixed_fields(cls) -> tuple[str, ...]:
        prepared = (
            field.name
            for field in dataclasses.fields(PrepareSettings)
            if field.name != "processes"
        )
        return (
            *prepared,
            *super().fixed_fields(),
            "freeze_layers",
            "keep_layers",
            "pooling",
            "random_weights",
            "word_dropout",
        )


def expect_choices(settings: object) -> None:
    """Refuses a value that is none of its field's choices."""
    for field, kind in get_type_hints(type(settings)).items():
        if get_origin(kind) is Literal:
            choices, value = get_args(kind), getattr(settings, field)
            expect(value in choices, field, value, f"one of {', '.join(choices)}")


def expect(is_good: bool, field: str, value: object, expected: str) -> None:
    """Refuses a value, in the words of the command line.

    Raises:
        UserError: if not `is_good`.
    """
    if not is_good:
        flag = "--" + field.replace("_", "-")
        raise UserError(f"{flag} is {value}, but must be {expected}.")
