"""Every setting of a run, typed and frozen: the command line and `config.json`.

The command line makes one of these objects, `config.json` stores it, and
`--resume` reads it back. Nothing below the command line reads a flag.
"""

import dataclasses
import json
import pathlib
from typing import Literal, get_args, get_origin, get_type_hints

from bert_cpu.errors import UserError

Language = Literal["none", "english", "chinese"]
TaskName = Literal[
    "classify", "multilabel", "score", "tag", "relate", "answer", "embed", "fill"
]


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
    # A BERT checkpoint: minilm, a directory in Hugging Face layout, or a hub id.
    encoder: str = "minilm"
    # Tokens in the longest sequence, special tokens included; the rest is cut.
    max_length: int = 128
    # Tokens that neighbouring windows of a long text share, in tasks that read all
    # of it.
    stride: int = 32
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

    def __post_init__(self):
        _expect_choices(self)
        # One token of each text, [CLS], and [SEP] behind each.
        least = 3 if self.text_pair is None else 5
        _expect(
            self.max_length >= least, "max_length", self.max_length, f"{least} or more"
        )
        _expect(self.stride >= 0, "stride", self.stride, "0 or more")
        _expect(self.shard_size >= 1, "shard_size", self.shard_size, "1 or more")


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """How a model is trained, whatever it learns, and where the run is kept."""

    # What is learned from.
    data: str = "tfds:movie_reviews"
    # The run's name: its directory is RUNS_DIR/NAME.
    name: str = "movie_reviews"
    # The directory that holds all runs.
    runs_dir: str = "runs"
    # Passes over the training split.
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
    # Threads of one process. 0: the cores that this process may use.
    threads: int = 0
    # Processes that train together on this machine.
    workers: int = 1
    # Minutes between checkpoints within an epoch.
    checkpoint_minutes: float = 5.0
    # Go on from the run's last checkpoint.
    resume: bool = False
    # Delete the run directory of this name first.
    overwrite: bool = False

    def __post_init__(self):
        _expect_choices(self)
        plain = pathlib.PurePath(self.name).name == self.name and self.name not in (
            "",
            ".",
            "..",
        )
        _expect(plain, "name", self.name, "a file name without '/'")
        for field in ("epochs", "batch_size", "accumulate", "workers"):
            _expect(getattr(self, field) >= 1, field, getattr(self, field), "1 or more")
        for field in ("early_stopping", "threads", "seed"):
            _expect(getattr(self, field) >= 0, field, getattr(self, field), "0 or more")
        for field in ("warmup", "ema", "dropout"):
            share = getattr(self, field) or 0.0
            _expect(0 <= share < 1, field, share, "a share in [0, 1)")
        _expect(self.learning_rate > 0, "learning_rate", self.learning_rate, "over 0")
        for field in ("weight_decay", "clip_norm", "checkpoint_minutes", "minutes"):
            _expect(getattr(self, field) >= 0, field, getattr(self, field), "0 or more")
        _expect(
            self.batch_size % self.workers == 0,
            "batch_size",
            self.batch_size,
            f"a multiple of workers={self.workers}",
        )
        if self.resume and self.overwrite:
            raise UserError("Got --resume and --overwrite. Give one of the two.")

    @property
    def run_dir(self) -> pathlib.Path:
        return pathlib.Path(self.runs_dir) / self.name

    @classmethod
    def fixed_fields(cls) -> tuple[str, ...]:
        """What saved state depends on, so that `resume` can't change it."""
        return ("batch_size", "accumulate", "ema", "seed")


@dataclasses.dataclass(frozen=True)
class TrainSettings(PrepareSettings, RunSettings):
    """How an encoder is fine-tuned, and where the run is kept."""

    # Each layer below the top learns at this share of the rate above it, (0, 1].
    layer_decay: float = 1.0
    # Lowest encoder layers (with the embeddings) that are left as they are.
    freeze_layers: int = 0
    # How token vectors become one, in the task embed.
    pooling: Literal["mean", "cls", "pooled"] = "mean"
    # Share of probability spread over the wrong labels, [0, 1).
    label_smoothing: float = 0.0
    # balanced: rare labels weigh more, so that all weigh the same together.
    class_weights: Literal["none", "balanced"] = "none"

    def __post_init__(self):
        PrepareSettings.__post_init__(self)
        RunSettings.__post_init__(self)
        _expect(
            self.freeze_layers >= 0, "freeze_layers", self.freeze_layers, "0 or more"
        )
        smoothing = self.label_smoothing
        _expect(0 <= smoothing < 1, "label_smoothing", smoothing, "a share in [0, 1)")
        _expect(0 < self.layer_decay <= 1, "layer_decay", self.layer_decay, "in (0, 1]")

    @classmethod
    def fixed_fields(cls) -> tuple[str, ...]:
        prepared = (field.name for field in dataclasses.fields(PrepareSettings))
        return (*prepared, *super().fixed_fields(), "freeze_layers", "pooling")


@dataclasses.dataclass(frozen=True)
class PretrainSettings(RunSettings):
    """How an encoder is pre-trained on plain text, or goes on being so."""

    name: str = "zh_small"
    # Documents: a .txt file or a directory of them, a file with columns, or
    # tfds:NAME,tfds:NAME (their training splits).
    data: str = "tfds:zh_reviews,tfds:people_daily"
    # The column that holds a document, in files with columns.
    text: str = "text"
    # Each line of a .txt file is a document; else blank lines stand between them.
    one_per_line: bool = False
    # A BERT checkpoint to go on with. Default: begin with random weights.
    encoder: str | None = None
    # Words and pieces of words in a new vocabulary, at most.
    vocab_size: int = 8000
    # Lower-case the texts, of a new vocabulary.
    lowercase: bool = True
    # Largest share of tokens that may be unknown to the vocabulary.
    most_unknown: float = 0.01
    # Transformer blocks of a new encoder.
    num_layers: int = 4
    # Features per token of a new encoder.
    hidden_size: int = 256
    # Attention heads of a new encoder; they divide hidden_size.
    num_heads: int = 4
    # Tokens in a sequence, special tokens included.
    max_length: int = 128
    # Tokens in a sequence of the first epochs, which are cheaper; see short_epochs.
    short_length: int = 64
    # Epochs with sequences of short_length. 0: none.
    short_epochs: int = 0
    # Learn which sentence comes next, besides the hidden words.
    next_sentence: bool = True
    # Share of tokens that are hidden, (0, 1).
    mask_share: float = 0.15
    epochs: int = 40
    minutes: float = 30.0
    batch_size: int = 64
    learning_rate: float = 1e-3
    dropout: float | None = 0.1
    ema: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        for field in ("vocab_size", "num_layers", "hidden_size", "num_heads"):
            _expect(getattr(self, field) >= 1, field, getattr(self, field), "1 or more")
        _expect(
            self.hidden_size % self.num_heads == 0,
            "hidden_size",
            self.hidden_size,
            f"a multiple of num_heads={self.num_heads}",
        )
        _expect(self.max_length >= 8, "max_length", self.max_length, "8 or more")
        _expect(self.short_epochs >= 0, "short_epochs", self.short_epochs, "0 or more")
        is_short = not self.short_epochs or 8 <= self.short_length < self.max_length
        expected = f"from 8 to under --max-length {self.max_length}"
        _expect(is_short, "short_length", self.short_length, expected)
        for field in ("mask_share", "most_unknown"):
            share = getattr(self, field)
            _expect(0 < share < 1, field, share, "a share in (0, 1)")

    @classmethod
    def fixed_fields(cls) -> tuple[str, ...]:
        new = {field.name for field in dataclasses.fields(cls)} - {
            field.name for field in dataclasses.fields(RunSettings)
        }
        return ("data", *sorted(new), *super().fixed_fields())


# The command that a run's `config.json` names -> its settings.
COMMANDS: dict[str, type[RunSettings]] = {
    "train": TrainSettings,
    "pretrain": PretrainSettings,
}


def save_settings(settings: RunSettings, path: pathlib.Path) -> None:
    """Writes every field of `settings` to `path` as JSON."""
    command = next(name for name, kind in COMMANDS.items() if type(settings) is kind)
    content = {"command": command, **dataclasses.asdict(settings)}
    path.write_text(json.dumps(content, indent=2) + "\n")


def load_settings(path: pathlib.Path) -> RunSettings:
    """Reads what `save_settings` wrote.

    Raises:
        UserError: if `path` is not JSON, or has a field that is not known or
            has a value that it can't have.
    """
    try:
        content = json.loads(path.read_text())
        kind = COMMANDS[content["command"]]
        del content["command"]
        return kind(**content)
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise UserError(
            f"'{path}' does not hold the settings of a run ({error}). Train "
            "again with --overwrite."
        ) from error


def _expect_choices(settings: object) -> None:
    for field, kind in get_type_hints(type(settings)).items():
        if get_origin(kind) is Literal:
            choices, value = get_args(kind), getattr(settings, field)
            _expect(value in choices, field, value, f"one of {', '.join(choices)}")


def _expect(is_good: bool, field: str, value: object, expected: str) -> None:
    if not is_good:
        flag = "--" + field.replace("_", "-")
        raise UserError(f"{flag} is {value}, but must be {expected}.")
